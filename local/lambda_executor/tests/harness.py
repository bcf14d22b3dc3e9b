"""A LocalStack of the tests' own, in its own folders and on its own port, with the executor."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from botocore.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ACT = """
import os, subprocess, time

print("importing")

def fail(message):
    raise LookupError(message)

def handle(event, context):
    print("got", event)
    match event:
        case {"exit": code}:
            os._exit(code)
        case {"fail": message}:
            fail(message)
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"allocate_mb": size}:
            held = bytearray(size * 1024 * 1024)
            held[::4096] = b"x" * len(held[::4096])
        case {"answer_mb": size}:
            return "x" * (size * 1024 * 1024)
        case {"spawn": program}:
            return [os.getpid(), subprocess.Popen(program).pid]
    return {"event": event, "pid": os.getpid(), "value": os.environ.get("VALUE")}
"""

PACKAGE = Path(__file__).parents[1]
ENVIRONMENTS = PACKAGE.parents[1] / ".evergreen" / "environments"
ROLE = "arn:aws:iam::000000000000:role/test"


def python_of(environment: str) -> Path:
    """The interpreter of an environment, or a failure that tells how to make it."""
    python = ENVIRONMENTS / environment / "bin" / "python"
    if not python.exists():
        pytest.fail(
            f"{python} is missing; local/lambda_executor/README.md has the commands that make it",
            pytrace=False,
        )
    return python


def zipped(files: Mapping[str, str]) -> bytes:
    """A zip archive, in memory, of file names and their texts."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def wait_for[T](condition: Callable[[], T], what: str, seconds: int = 30) -> T:
    """Wait until a condition holds and return its value."""
    give_up = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > give_up:
            pytest.fail(f"waited {seconds} s in vain for {what}")
        time.sleep(0.05)
    return value


def namespaces_work(folder: Path) -> bool:
    """Whether this machine lets us mount: root alone is not enough in most containers."""
    command = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", str(folder)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def is_running(pid: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


@dataclass
class Emulator:
    """A running LocalStack."""

    process: subprocess.Popen[bytes]
    url: str
    folder: Path

    def client(self, service: str) -> Any:
        return boto3.client(  # type: ignore[call-overload]
            service,
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(max_pool_connections=20, read_timeout=60, retries={"max_attempts": 0}),
        )

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            # A service that LocalStack was just loading keeps a thread of it alive for good.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(timeout=30)


def start(folder: Path) -> Emulator:
    """Start a LocalStack with the executor."""
    runtime = python_of("lambda-runtime")
    image = folder / "images" / "special"
    shutil.copytree(ENVIRONMENTS / "lambda-runtime", image, symlinks=True)
    (image / "lib/python3.13/site-packages/only_in_image.py").write_text("ANSWER = 42\n")
    return launch(
        folder,
        "lambda,logs,s3,sqs,sts,iam,cloudwatch",
        {
            "DEVELOPERS_OWN": "not for functions",
            "PYTHONPATH": str(PACKAGE / "tests"),
            "LAMBDA_RUNTIME_EXECUTOR": "evergreen",
            "EVERGREEN_LAMBDA_PYTHON": str(runtime),
            "EVERGREEN_LAMBDA_IMAGES": str(folder / "images"),
        },
    )


def launch(folder: Path, services: str, settings: Mapping[str, str]) -> Emulator:
    """Start a LocalStack with these services and environment variables."""
    python = python_of("localstack")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    (folder / "tmp").mkdir(exist_ok=True)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GATEWAY_LISTEN": address,
        "LOCALSTACK_HOST": address,
        "FILESYSTEM_ROOT": str(folder / "root"),
        "TMPDIR": str(folder / "tmp"),
        "SERVICES": services,
        "DISABLE_EVENTS": "1",
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        "EAGER_SERVICE_LOADING": "0",
        **settings,
    }
    with (folder / "localstack.log").open("wb") as log:
        process = subprocess.Popen(
            [python, "-m", "localstack.runtime.main"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    emulator = Emulator(process, f"http://{address}", folder)

    def healthy() -> bool:
        if process.poll() is not None:
            pytest.fail(f"LocalStack ended: {(folder / 'localstack.log').read_text()[-2000:]}")
        with (
            contextlib.suppress(OSError),
            urllib.request.urlopen(f"{emulator.url}/_localstack/health", timeout=5),
        ):
            return True
        return False

    try:
        wait_for(healthy, "LocalStack", seconds=60)
    except BaseException:
        emulator.stop(signal.SIGKILL)
        raise
    return emulator


@dataclass
class Function:
    """A deployed function."""

    name: str
    emulator: Emulator
    client: Any

    def invoke(self, event: object = None, **options: str) -> Answer:
        answer = self.client.invoke(
            FunctionName=self.name,
            Payload=json.dumps(event),
            **({"LogType": "Tail"} | options),
        )
        body = answer["Payload"].read()
        return Answer(
            value=json.loads(body) if body else None,
            error=answer.get("FunctionError"),
            log=base64.b64decode(answer.get("LogResult", "")).decode(),
        )

    def update(self, **configuration: object) -> None:
        self.client.update_function_configuration(FunctionName=self.name, **configuration)
        self.settle()

    def settle(self) -> dict[str, Any]:
        def settled() -> dict[str, Any] | None:
            found = self.client.get_function_configuration(FunctionName=self.name)
            busy = "Pending" in found["State"] or found.get("LastUpdateStatus") == "InProgress"
            return None if busy else found

        found = wait_for(settled, f"function {self.name}")
        return found or {}


@dataclass
class Answer:
    value: Any
    error: str | None
    log: str


class Deploy(Protocol):
    """Deploys a function from the text of its module and any other files."""

    def __call__(
        self,
        source: str,
        *,
        files: Mapping[str, str] | None = None,
        on: Emulator | None = None,
        **configuration: object,
    ) -> Function: ...
