"""Ground truth from a file, on a real S3: killed, continued, and read back by SQL."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from cli.shared.examples import MODELS
from cli.shared.target import Target
from evergreen.bundle.content import Bundle, Signature
from evergreen.bundle.store import save_bundle
from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import new_request_id, request_log_landing_prefix
from evergreen.clock import utc_now
from evergreen.model_definition import find_definition
from evergreen.production import Production, ProductionPointer
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.stack import Stack

MODEL = "flight_duration"
LINES = 60_000
PATIENCE = 120


_TEMPLATE = """
Resources: {Data: {Type: AWS::S3::Bucket}}
Outputs: {BucketName: {Value: !Ref Data}, PredictFunctionNameFlightDuration: {Value: none}}
"""
_MAIN = """
import sys
from pathlib import Path

from cli.main import main
from cli.shared import target
from local.settings import read_settings
from local.stack import running_stack

settings = read_settings(state=Path(sys.argv.pop(1)))
target.running_stack = lambda _: running_stack(settings)
main()
"""
STAGE = "imported"


@pytest.fixture
def target(local_stack: Stack) -> Iterator[Target]:
    """As much of a deployment as the command needs: a data bucket, and that the model is there."""
    deployed = Target.local(local_stack, STAGE)
    stacks = deployed.client("cloudformation")
    name = f"Evergreen-{STAGE}-Storage"
    stacks.create_stack(StackName=name, TemplateBody=_TEMPLATE)
    stacks.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    yield deployed
    deployed.storage.delete_below("")
    stacks.delete_stack(StackName=name)


@pytest.fixture
def predicted(target: Target) -> Iterator[list[str]]:
    """The ids of ten requests to a version in production, of which only the signature is real."""
    definition = find_definition(MODELS, MODEL)
    signature = Signature(task=definition.task, target=definition.target, features=())
    uri, sha256 = save_bundle(target.storage, MODEL, Bundle("import", signature, b"no model"))
    production = Production(target.stage, target.client("ssm"))
    moment = utc_now() - timedelta(hours=1)
    pointer = ProductionPointer(
        version="import",
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id="ds-none",
        promoted_at=moment,
    )
    production.write(MODEL, pointer)
    ids = [new_request_id() for _ in range(10)]
    records = [
        record
        for request_id in ids
        for record in request_records(
            timestamp=moment,
            request_id=request_id,
            definition=definition,
            model_version="import",
            rows=[{}],
            outputs=[100.0],
            confidences=None,
            metadata={"role": "champion", "id": f"flight-{request_id}"},
        )
    ]
    key = f"{request_log_landing_prefix(MODEL)}{moment:%Y/%m/%d/%H}/imported"
    target.storage.put(key, b"".join(map(encode, records)))
    yield ids
    target.client("ssm").delete_parameter(Name=production.parameter(MODEL))


def test_a_killed_import_goes_on_and_every_label_counts_once(
    local_stack: Stack, target: Target, predicted: list[str], tmp_path: Path
) -> None:
    strangers = [new_request_id() for _ in range(LINES - len(predicted) - 2)]
    named = [f",flight-{request_id},120" for request_id in predicted]
    others = [f"{request_id},,{number % 500}" for number, request_id in enumerate(strangers)]
    lines = [*named[:5], *others, *named[5:], "mine,,1", f"{new_request_id()},,far"]
    file = tmp_path / "labels.csv"
    file.write_text("\n".join(("request_id,id,duration", *lines)))

    command = ("labels", "import", MODEL, str(file), "--column", "label=duration")
    first = _start(local_stack, *command)
    until = time.monotonic() + PATIENCE
    while not _landed(target) and time.monotonic() < until:
        time.sleep(0.05)
    first.kill()
    first.communicate()
    assert 0 < len(_landed(target)) < 3

    done = _run(local_stack, *command, code=1)
    assert len(_landed(target)) == 3
    assert (done["lines"], done["accepted"], done["refused"]) == (LINES, LINES - 2, 2)
    assert (done["joined"], done["waiting"]) == (10, len(strangers))

    sql = "select count(*) as labels, count(distinct request_id) as requests from labels"
    assert _run(local_stack, "log", MODEL, "--sql", sql) == [
        {"labels": LINES - 2, "requests": LINES - 2}
    ]
    joined = "select count(*) as n, min(label) as low, max(label) as high from labelled"
    assert _run(local_stack, "log", MODEL, "--sql", joined) == [
        {"n": 10, "low": 120.0, "high": 120.0}
    ]


def _landed(target: Target) -> list[str]:
    return [item.key for item in target.storage.list(labels_landing_prefix(MODEL))]


def _start(stack: Stack, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", _MAIN, str(stack.settings.paths.state), *arguments]
    return subprocess.Popen([*command, "--stage", STAGE, "--json"], stdout=subprocess.PIPE)


def _run(stack: Stack, *arguments: str, code: int = 0) -> Any:
    process = _start(stack, *arguments)
    out, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code
    return json.loads(out)
