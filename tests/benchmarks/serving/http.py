"""Requests a second over HTTP, beside MLServer, BentoML and `mlflow models serve`.

All servers of a model run at the same time and are called in turns, one at a time, so that whatever
else the machine does meets all alike. The calls come from this process, on the same machine.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from tests.benchmarks.serving.load import Load, call, request_bytes
from tests.benchmarks.serving.models import rows
from tests.benchmarks.serving.servers import DOORS, SERVERS, body, running, wait_until_it_answers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sklearn.pipeline import Pipeline

SIZES = (1, 100, 1000)
CONCURRENCIES = (1, 8)
_WARM_SECONDS = 0.3


def measure_http(
    folder: Path, pipeline: Pipeline, model: str, *, turns: int, seconds: float
) -> Iterator[dict[str, Any]]:
    """Yield one entry for each door, number of rows and concurrency.

    Parameters
    ----------
    folder
        As :func:`tests.benchmarks.serving.prepared.prepare` has filled it for the model.
    pipeline
        The model.
    turns
        How often each server is called.
    seconds
        How long a turn lasts.
    """
    file, stored = _stored(folder, pipeline)
    with ExitStack() as stack:
        ports = {each: stack.enter_context(running(each, folder, file, stored)) for each in SERVERS}
        answers = [
            predictions_of(wait_until_it_answers(ports[door.server], door, rows(100)))
            for door in DOORS
        ]
        if any(each != answers[0] for each in answers):
            raise RuntimeError("the servers do not predict the same")
        for size in SIZES:
            requests = {
                door: request_bytes(ports[door.server], door.path, body(door, rows(size)))
                for door in DOORS
            }
            for concurrency in CONCURRENCIES:
                found = {door: Load() for door in DOORS}
                for turn in range(turns + 1):
                    for door, load in found.items():
                        long = seconds if turn else _WARM_SECONDS
                        made = call(ports[door.server], requests[door], concurrency, long)
                        if turn:
                            load.add(made)
                for door, load in found.items():
                    yield {
                        "server": door.server,
                        "form": door.form,
                        "model": model,
                        "rows": size,
                        "concurrency": concurrency,
                        "requests": len(load.seconds),
                        "requests_per_second": load.requests_per_second,
                        "p99_ms": load.p99_ms,
                    }


def _stored(folder: Path, pipeline: Pipeline) -> tuple[Path, Path]:
    """Store the pipeline as joblib and MLflow do."""
    import joblib  # noqa: PLC0415 - only the peers need it
    import mlflow.sklearn  # noqa: PLC0415 - only the peers need it

    joblib.dump(pipeline, folder / "model.joblib")
    mlflow.sklearn.save_model(pipeline, folder / "mlflow", serialization_format="cloudpickle")
    return folder / "model.joblib", folder / "mlflow"


def predictions_of(answer: bytes) -> list[Any]:
    """Return the predictions of an answer in the form of any of the doors."""
    content = json.loads(answer)
    if "outputs" in content:
        named = {each["name"]: each["data"] for each in content["outputs"]}
        found: list[Any] = named["predictions"]
        return found
    return list(content["predictions"])
