"""The servers that are compared over HTTP: each in its own environment, one worker, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.bundle.store import bundle_key
from tests.benchmarks.serving.load import read_answer, request_bytes
from tests.benchmarks.serving.models import NAME, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[3]
STATE = ROOT / ".evergreen"
_PEERS = Path(__file__).with_name("peers")
_START_SECONDS = 180


@dataclass(frozen=True)
class Door:
    """One way into a server: a path, and the form of the rows.

    Parameters
    ----------
    server
        ``evergreen``, ``mlserver``, ``bentoml`` or ``mlflow``.
    form
        ``tensors`` or ``rows``.
    """

    server: str
    form: str
    path: str


DOORS = (
    Door("evergreen", "tensors", f"/v2/models/{NAME}/infer"),
    Door("evergreen", "rows", f"/models/{NAME}/predict"),
    Door("mlserver", "tensors", f"/v2/models/{NAME}/infer"),
    Door("bentoml", "rows", "/predict"),
    Door("mlflow", "rows", "/invocations"),
)
SERVERS = ("evergreen", "mlserver", "bentoml", "mlflow")


def body(door: Door, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the rows in the form of a door."""
    if door.form == "tensors":
        return json.dumps({"inputs": [_tensor(name, rows) for name in rows[0]]}).encode()
    form = "dataframe_records" if door.server == "mlflow" else "instances"
    return json.dumps({form: rows}).encode()


def _tensor(name: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    tensor = {"name": name, "shape": [len(rows)], "data": [row[name] for row in rows]}
    if name in NUMBERS:
        return {**tensor, "datatype": "FP32"}
    return {**tensor, "datatype": "BYTES", "parameters": {"content_type": "str"}}


@contextmanager
def running(server: str, folder: Path, pipeline: Path, stored: Path) -> Iterator[int]:
    """Run a server with a model, and stop it at the end.

    Parameters
    ----------
    folder
        As :func:`tests.benchmarks.serving.prepared.prepare` has filled it for the model.
    pipeline
        scikit-learn's pipeline, by joblib.
    stored
        The same as a model of MLflow.

    Yields
    ------
    int
        Its port.
    """
    ports = _free_ports(3)
    room = folder / server
    command, told = _command(server, folder, room, ports, pipeline, stored)
    room.mkdir(exist_ok=True)
    # One thread predicts, in each: several that wait for each other lose by it on few cores.
    environment = {"PATH": os.environ["PATH"], "HOME": str(room), "OMP_NUM_THREADS": "1", **told}
    log = room / "output.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT if server == "evergreen" else room,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield ports[0]
        except RuntimeError as error:
            error.add_note(log.read_text(errors="replace")[-2000:])
            raise
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, 15)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()


def wait_until_it_answers(port: int, door: Door, rows: Sequence[dict[str, Any]]) -> bytes:
    """Return the first answer to the rows.

    Raises
    ------
    RuntimeError
        If there is none in time.
    """
    request = request_bytes(port, door.path, body(door, rows))
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
                wire.sendall(request)
                return read_answer(wire)
        except (OSError, RuntimeError):
            if time.monotonic() > until:
                raise
        time.sleep(0.3)


def _command(
    server: str, folder: Path, room: Path, ports: list[int], pipeline: Path, stored: Path
) -> tuple[list[str], dict[str, str]]:
    if server == "evergreen":
        return [sys.executable, "-m", "functions.serve"], {
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/evergreen/python")]),
            "EVERGREEN_MODEL": NAME,
            "EVERGREEN_MODELS": str(folder / "models"),
            "EVERGREEN_VERSION": "0",
            "EVERGREEN_BUNDLE": str(folder / Path(bundle_key(NAME, "1"))),
            "EVERGREEN_LOG_FOLDER": str(room / "log"),
            "EVERGREEN_METRICS": "full",
            "EVERGREEN_PORT": str(ports[0]),
        }
    if server == "mlserver":
        shutil.copytree(_PEERS / "mlserver", room, dirs_exist_ok=True)
        settings = {
            "host": "127.0.0.1",
            "parallel_workers": 0,
            **dict(zip(("http_port", "grpc_port", "metrics_port"), ports, strict=True)),
        }
        model = {
            "name": NAME,
            "implementation": "runtime.Pipeline",
            "parameters": {"uri": str(pipeline)},
        }
        (room / "settings.json").write_text(json.dumps(settings))
        (room / "model-settings.json").write_text(json.dumps(model))
        return [str(STATE / "mlserver/bin/mlserver"), "start", "."], {"PYTHONPATH": str(room)}
    if server == "bentoml":
        shutil.copytree(_PEERS / "bentoml", room, dirs_exist_ok=True)
        address = ["--host", "127.0.0.1", "--port", str(ports[0])]
        return [str(STATE / "bentoml/bin/bentoml"), "serve", "service:Measured", *address], {
            "MEASURED_MODEL": str(pipeline),
            "BENTOML_HOME": str(room),
            "BENTOML_DO_NOT_TRACK": "True",
        }
    binaries = STATE / "environments/services/bin"
    address = ["-h", "127.0.0.1", "-p", str(ports[0]), "--workers", "1"]
    return [
        *(str(binaries / "mlflow"), "models", "serve", "-m", str(stored)),
        *("--env-manager", "local", *address),
    ], {"PATH": f"{binaries}:{os.environ['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}


def _free_ports(number: int) -> list[int]:
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports
