"""Cold starts: from a new interpreter to the first answer.

Each is a process of its own that sees nothing but what is shipped, with its bytecode. The model is
the boosting one, and the request has one row. The process ends with the answer, as a function that
lives on: it does not take its objects apart.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from cdk.constructs.building.assets import MIB, size_of
from cdk.constructs.building.function_code import build_function
from cdk.constructs.building.layers import build_layer
from tests.benchmarks.serving.models import rows
from tests.benchmarks.serving.stub import ENVIRONMENT, MODEL
from tests.support.gateway_events import event

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
LAYERS = ("inference", "evergreen")
_HERE = Path(__file__).parent
_EVERGREEN = """
import json, os, sys
sys.path[:0] = {paths!r}
from functions.predict.handler import handler
from evergreen import aws
import importlib.util
spec = importlib.util.spec_from_file_location("stub", {stub!r})
stub = importlib.util.module_from_spec(spec)
spec.loader.exec_module(stub)
import pathlib
stub.StubbedAws(pathlib.Path({folder!r})).attach(aws._session())
class Context:
    function_name, memory_limit_in_mb, aws_request_id = "predict", 1769, "a"
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:predict"
    def get_remaining_time_in_millis(self):
        return 29000
answered = handler(json.loads(pathlib.Path({request!r}).read_text()), Context())
assert answered["statusCode"] == 200, answered
os._exit(0)
"""
_SKLEARN = """
import os, sys
import joblib, pandas
from fastapi import FastAPI, Request
from mangum import Mangum
import json, pathlib
model = joblib.load({model!r})
app = FastAPI()
@app.post("/models/{{name}}/predict")
async def predict(name: str, request: Request):
    frame = pandas.DataFrame((await request.json())["instances"])
    return {{"predictions": model.predict(frame).tolist()}}
answered = Mangum(app, lifespan="off")(json.loads(pathlib.Path({request!r}).read_text()), None)
assert answered["statusCode"] == 200, answered
os._exit(0)
"""
_MLFLOW = """
import json, os, pathlib
import mlflow.pyfunc, pandas
model = mlflow.pyfunc.load_model({model!r})
event = json.loads(pathlib.Path({request!r}).read_text())
assert len(model.predict(pandas.DataFrame(json.loads(event["body"])["instances"])))
os._exit(0)
"""


def measure_cold(folder: Path, pipeline: object, rounds: int) -> list[dict[str, object]]:
    """Return the median milliseconds of the processor of each variant; the variants take turns.

    Parameters
    ----------
    folder
        As :func:`tests.benchmarks.serving.prepared.prepare` has filled it.
    pipeline
        The boosting model.
    """
    variants = _variants(folder, pipeline)
    taken: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for name, run in variants.items():
            started = _processor_seconds()
            run()
            if turn:  # the first one fills the disk cache
                taken[name].append((_processor_seconds() - started) * 1000)
    return [{"variant": name, "ms": median(times)} for name, times in taken.items()]


def unzipped_mb() -> float:
    """Return the size of the prediction function with its layers, in MiB, as Lambda counts it."""
    parts = [*map(build_layer, LAYERS), build_function("predict", ROOT / "models")]
    return sum(map(size_of, parts)) / MIB


def _processor_seconds() -> float:
    """Return what all processes that have ended took of the processor: other work is not in it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _variants(folder: Path, pipeline: object) -> dict[str, Callable[[], None]]:
    import joblib  # noqa: PLC0415 - only the peers need it
    import mlflow.sklearn  # noqa: PLC0415 - only the peers need it

    request = folder / "request.json"
    body = {"instances": rows(1)}
    request.write_text(json.dumps(event("POST", f"/models/{MODEL}/predict", body)))
    joblib.dump(pipeline, folder / "model.joblib")
    stored = folder / "mlflow"
    mlflow.sklearn.save_model(pipeline, stored, serialization_format="cloudpickle")
    told = {"request": str(request)}
    paths = [str(build_layer(name) / "python") for name in LAYERS]
    shipped = {
        "paths": [str(build_function("predict", ROOT / "models")), *paths],
        "stub": str(_HERE / "stub.py"),
        "folder": str(folder / "boosting"),
    }
    bucket = {"EVERGREEN_MODELS": str(folder / "boosting" / "models")}
    site = {"PYTHONDONTWRITEBYTECODE": "1"}
    return {
        "evergreen": lambda: _run(_EVERGREEN.format(**told, **shipped), ENVIRONMENT | bucket, "-S"),
        "sklearn + joblib + FastAPI": lambda: _run(
            _SKLEARN.format(**told, model=str(folder / "model.joblib")), site
        ),
        "mlflow.pyfunc": lambda: _run(_MLFLOW.format(**told, model=str(stored)), site),
    }


def _run(program: str, told: dict[str, str], *options: str) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "OMP_NUM_THREADS": "1",  # threads that spin would slow the peers on a busy machine
        **told,
    }
    done = subprocess.run(
        [sys.executable, "-I", *options, "-W", "ignore", "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
