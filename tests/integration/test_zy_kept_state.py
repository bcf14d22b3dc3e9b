"""What served serves again after a kill of LocalStack and a deployment, as the commands say.

Its name makes it run late, because it starts the session's LocalStack again and deploys anew.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from typer.testing import CliRunner

from cli.commands import doctor
from cli.commands import up as up_command
from cli.main import app
from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.demo_steps import example_row
from cli.shared.examples import find_example
from cli.shared.loop_observation import Loop
from cli.shared.target import Target
from cli.shared.traffic import Api
from evergreen.clock import utc_now
from evergreen.deployment.by_hand import train_and_promote
from evergreen.release.decision_log import read_decision_records
from local.state import StateFile
from tests.conftest import say

if TYPE_CHECKING:
    from local.stack import Stack

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

MODEL = "daily_ridership"


def answer_of(target: Target, version: str) -> dict[str, Any]:
    """Wait until a version serves, and ask for the predictions of a row."""
    with Api.of(target) as api:
        Loop(target, find_example(MODEL).definition).wait_until_serving(api, version)
        return api.predict(MODEL, {"instances": [example_row(MODEL)]})


def logged(target: Target) -> set[str]:
    now = utc_now()
    definition, day = find_example(MODEL).definition, timedelta(days=1)
    rows = target.lake.predictions(definition, now - day, now + day)
    return set(rows.column("request_id").to_pylist())


def test_the_same_version_serves_after_a_kill_and_one_command(
    deployed: Target, local_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    services = StateFile(local_stack.settings.paths.state_file).read().services
    if "localstack" not in services:
        pytest.skip("AWS_ENDPOINT_URL names an emulator of the user, which no test may kill")
    example = find_example(MODEL)
    rows = example.load(example.trained_on, example.fraction)
    version = train_and_promote(
        deployed, example.definition, example.folder, rows, example.source, lambda _: None
    ).challenger
    before = answer_of(deployed, version)
    assert before["request_id"] in logged(deployed)
    decisions = read_decision_records(deployed.storage, MODEL)

    victim = psutil.Process(services["localstack"].child.pid)
    victim.kill()
    psutil.wait_procs([victim], timeout=30)
    monkeypatch.setattr(up_command, "read_settings", lambda: local_stack.settings)
    monkeypatch.setattr(doctor, "choose", lambda **_: Target.local(local_stack))
    said = CliRunner().invoke(app, ["up"], catch_exceptions=False).output
    assert f"{MODEL} version {version}" in " ".join(said.split())
    assert "Run `evergreen deploy`: then the same versions serve again." in " ".join(said.split())
    assert f"{MODEL} version {version}" in str(CliRunner().invoke(app, ["doctor"]).exception)

    context = emulator_context(deployed, period="1 minute", cooldown="1 second", flush_seconds=0)
    log = local_stack.settings.paths.logs / "deploy.log"
    vars(deployed).pop("outputs")  # those of the deployment that is gone
    deploy(deployed, context, log, lambda what: say("deploy", what))
    after = answer_of(deployed, version)
    assert after["predictions"] == before["predictions"]
    assert {before["request_id"], after["request_id"]} <= logged(deployed)
    assert read_decision_records(deployed.storage, MODEL) == decisions
    doctored = CliRunner().invoke(app, ["doctor", MODEL], catch_exceptions=False)
    assert doctored.exit_code == 0, doctored.output
