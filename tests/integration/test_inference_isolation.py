"""The function zips and layers for AWS work in an interpreter without any other package."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from cdk.constructs.building.assets import ROOT, archive
from cdk.constructs.building.function_code import build_function
from cdk.constructs.building.layers import LIBRARY, build_layer
from cli.shared.target import Target
from evergreen.bundle.store import save_bundle
from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.model_definition import ModelDefinition, load_definition
from evergreen.production import Production, ProductionPointer
from evergreen.storage import Storage
from evergreen.training.onnx_export import export_bundle
from models.flight_delay.training import train
from tests.support.fixed_clock import NOW
from tests.support.gateway_events import event

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.columns import Columns
    from local.stack import Stack

MODEL = "flight_delay"
LIMIT = 250 * 1024 * 1024
"""The size limit of an unpacked function with its layers."""
DEFINITION = load_definition(ROOT / "models" / MODEL)

# Replaces AWS's bootstrap: first the function's code is on the path, then the layers, then Python.
BOOTSTRAP = """
import importlib, json, sys
from pathlib import Path
task, layers, module, answers = sys.argv[1:]
python = [path for path in sys.path if path]
sys.path[:0] = [task, layers]
class Context:
    function_name = "predict"
    memory_limit_in_mb = 1769
    invoked_function_arn = "arn:aws:lambda:eu-central-1:000000000000:function:predict"
    aws_request_id = "1"
    def get_remaining_time_in_millis(self):
        return 29_000
handler = importlib.import_module(module).handler
told = [handler(event, Context()) for event in json.load(sys.stdin)]
files = [str(m.__file__) for m in sys.modules.values() if getattr(m, "__file__", None)]
ours = [file for file in files if file.startswith((task, layers))]
strangers = [file for file in files if file not in ours
             and ("site-packages" in file or not file.startswith(tuple(python)))]
caches = [m.__cached__ for m in sys.modules.values()
          if str(getattr(m, "__file__", "")).startswith((task, layers))
          and str(m.__file__).endswith(".py")]
missing = [cache for cache in caches if not Path(cache).exists()]
Path(answers).write_text(json.dumps([told, strangers, len(ours), missing]))
"""


@dataclass(frozen=True)
class Sandbox:
    """A function, unpacked as Lambda does it."""

    root: Path
    environment: dict[str, str]

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.root.rglob("*") if path.is_file())

    def call(self, folder: str, *events: dict[str, Any]) -> list[dict[str, Any]]:
        answers = self.root.parent / f"answers-{uuid.uuid4().hex}.json"
        module = f"functions.{folder}.handler"
        arguments = [
            str(self.root / "task"),
            str(self.root / "opt" / "python"),
            module,
            str(answers),
        ]
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-B", "-c", BOOTSTRAP, *arguments],
            input=json.dumps(events),
            env={**self.environment, "LAMBDA_TASK_ROOT": str(self.root / "task")},
            cwd=self.root,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told, strangers, ours, uncompiled = json.loads(answers.read_text())
        assert strangers == []
        assert ours > 100
        assert uncompiled == []
        return list(told)


def unpack(folder: str, root: Path, environment: dict[str, str]) -> Sandbox:
    parts = {
        "task": build_function(folder, ROOT / "models"),
        "opt": build_layer("inference"),
        "opt ": build_layer(LIBRARY),
    }
    for target, built in parts.items():
        with zipfile.ZipFile(archive(built)) as content:
            content.extractall(root / target.strip())
    return Sandbox(root, environment)


def told(endpoint: dict[str, str], bucket: str = "data") -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        **endpoint,
        "EVERGREEN_STAGE": f"isolation-{bucket}",
        "EVERGREEN_BUCKET": bucket,
        "EVERGREEN_VERSION": "1.2.3",
        "EVERGREEN_MODEL": MODEL,
        "EVERGREEN_REQUEST_STREAM": f"{bucket}-requests",
        "EVERGREEN_LABEL_STREAM": f"{bucket}-labels",
    }


NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def predict(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    return unpack("predict", tmp_path_factory.mktemp("predict") / "lambda", told(NOWHERE))


def flights(definition: ModelDefinition, rows: int) -> Columns:
    random = np.random.default_rng(3)
    columns: Columns = {}
    for name, feature in definition.features.items():
        if feature.type == "category":
            columns[name] = random.choice(["AA", "UA", "DL"], rows).astype(object)
        else:
            low, high = feature.min or 0, feature.max or 1
            columns[name] = random.integers(int(low), int(high) + 1, rows).astype(np.float32)
    return columns


def row_of(columns: Columns, number: int) -> dict[str, Any]:
    return {name: values.tolist()[number] for name, values in columns.items()}


def test_it_fits_and_answers_without_aws(
    predict: Sandbox, capsys: pytest.CaptureFixture[str]
) -> None:
    size = predict.size
    with capsys.disabled():
        print(f"\npredict with its layers: {size / 2**20:.1f} MiB unpacked")  # noqa: T201 - wanted
    assert size < LIMIT
    row = row_of(flights(DEFINITION, 1), 0)
    path = f"/models/{MODEL}/predict"
    answers = predict.call(
        "predict",
        event("POST", path, {"instances": [row]}),
        event("POST", path, "{"),
        event("POST", "/models/other/predict", {}),
    )
    assert [answer["statusCode"] for answer in answers] == [503, 400, 404]
    assert "pointer" in json.loads(answers[0]["body"])["detail"]


def test_the_description_answers_without_aws(tmp_path: Path) -> None:
    sandbox = unpack("describe_api", tmp_path / "lambda", told(NOWHERE))
    assert sandbox.size < LIMIT
    answers = sandbox.call(
        "describe_api", *(event("GET", path) for path in ("/ping", "/docs", "/openapi.json"))
    )
    assert [answer["statusCode"] for answer in answers] == [200, 200, 200]
    assert f"/models/{MODEL}/predict" in json.loads(answers[2]["body"])["paths"]


def test_it_predicts_and_logs(predict: Sandbox, local_stack: Stack) -> None:
    target = Target.local(local_stack)
    bucket = f"isolation-{uuid.uuid4().hex[:12]}"
    environment = told(dict(local_stack.client_environment()), bucket)
    environment.pop("MLFLOW_TRACKING_URI")
    s3, firehose = target.client("s3"), target.client("firehose")
    s3.create_bucket(Bucket=bucket)
    firehose.create_delivery_stream(
        DeliveryStreamName=environment["EVERGREEN_REQUEST_STREAM"],
        ExtendedS3DestinationConfiguration={
            "RoleARN": "arn:aws:iam::000000000000:role/stream",
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "Prefix": request_log_landing_prefix(MODEL),
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0},
        },
    )
    storage = Storage(bucket, s3)
    columns = flights(DEFINITION, 400)
    late = np.where(columns["distance"] + columns["humid"] * 30 > 4000, "1", "0")
    pipeline = train(pd.DataFrame(columns), pd.Series(late, dtype=object))
    uri, sha256 = save_bundle(storage, MODEL, export_bundle(pipeline, DEFINITION, columns, "4"))
    pointer = ProductionPointer(
        version="4", bundle_uri=uri, sha256=sha256, reference_dataset_id="ds-1", promoted_at=NOW
    )
    Production(environment["EVERGREEN_STAGE"], target.client("ssm")).write(MODEL, pointer)

    rows = [row_of(columns, number) for number in range(20)]
    body = {"instances": rows}
    (answer,) = Sandbox(predict.root, environment).call(
        "predict", event("POST", f"/models/{MODEL}/predict", body)
    )

    content = json.loads(answer["body"])
    assert answer["statusCode"] == 200, content
    assert content["model_version"] == "4"
    assert content["predictions"] == pipeline.predict(pd.DataFrame(columns))[:20].tolist()
    landed = [item.key for item in storage.list(request_log_landing_prefix(MODEL))]
    lines = b"".join(storage.get(key) or b"" for key in landed).splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["request_id"] for record in records] == [content["request_id"]] * 20
    assert [record["row"] for record in records] == list(range(20))
    assert [record["input_data"] for record in records] == rows
