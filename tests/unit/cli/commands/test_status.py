"""What `evergreen status` says of the models of a deployment."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.commands import history, status
from cli.main import app
from cli.shared import model_states
from evergreen.clock import utc_now
from evergreen.production import ShadowSlot
from evergreen.release.executions import RunningRetraining
from evergreen.reporting import status as reporting
from evergreen.shadow.look import keep_look
from tests.support.aws_in_process import failing, refusal
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import DEFINITION, TOML, promote

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

NAME = DEFINITION.name
SEEN = {
    "predictions": 1200,
    "errors": 0,
    "agreement": 0.9,
    "labelled": 0,
    "metric_champion": None,
    "metric_challenger": None,
}


@pytest.fixture(autouse=True)
def target(aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TargetInProcess:
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "model.toml").write_text(f"{TOML}\n[shadow]\nmin_predictions = 5000\n")
    deployed = TargetInProcess.of(aws)
    for module in (model_states, history):
        monkeypatch.setattr(module, "MODELS", tmp_path)
    for module in (status, history):
        monkeypatch.setattr(module, "choose", lambda **_: deployed)
    return deployed


def test_what_serves_what_is_in_the_shadow_and_how_old_the_metrics_are(
    target: TargetInProcess,
) -> None:
    production = target.account.production()
    promote(target.storage, production, "3")
    now = utc_now()
    slot = ShadowSlot(version="4", bundle_uri="", sha256="", started_at=now)
    production.set_shadow(NAME, slot)
    keep_look(target.storage, NAME, slot, SEEN, now)
    target.account.put_metric("WindowRows", now - timedelta(hours=5), 1.0, model=NAME)
    said = CliRunner().invoke(app, ["status", "--aws"])
    assert said.exit_code == 0, said.output
    row = next(line for line in said.stdout.splitlines() if line.split()[:1] == [NAME])
    assert row.split()[1] == "3"
    assert " 5 h ago" in row
    text = " ".join(said.stdout.split())
    assert f"{NAME}: version 4 is in the shadow since " in text
    assert "1,200 of 5,000 rows, agreement 0.900. Next look " in text
    told = " ".join(CliRunner().invoke(app, ["history", NAME]).stdout.split())
    assert "In the shadow: version 4 since " in told
    document = json.loads(CliRunner().invoke(app, ["status", "--aws", "--json"]).stdout)
    [model] = document["models"]
    assert (model["shadow"]["version"], model["production"]["version"]) == ("4", "3")


def test_what_cannot_be_read_is_a_question_mark_and_named(target: TargetInProcess) -> None:
    with failing(target.client("cloudwatch"), refusal("Throttling")):
        said = CliRunner().invoke(app, ["status", "--aws"])
    assert said.exit_code == 0, said.output
    assert f"{NAME}: could not read metrics." in said.stdout
    assert "none yet" in said.stdout


def test_a_retraining_that_waits_for_mlflow_is_said_with_the_server(
    target: TargetInProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    since = utc_now()
    waiting = RunningRetraining(
        execution="x",
        since=since,
        state="Train a challenger",
        waiting_since=since,
        waiting_for="MLflow at http://m does not answer",
    )
    monkeypatch.setattr(reporting, "read_running_retraining", lambda *_: waiting)
    said = " ".join(CliRunner().invoke(app, ["status", "--aws"]).stdout.split())
    assert f'{NAME}: a retraining runs since {since:%Y-%m-%d %H:%M:%S}, now "Train a chal' in said
    assert f"waits since {since:%H:%M:%S}: MLflow at http://m does not answer." in said


def test_what_is_not_deployed_or_not_valid_stops_no_other_model(
    target: TargetInProcess, tmp_path: Path
) -> None:
    promote(target.storage, target.account.production(), "3")
    for name, more in (("shop", ""), ("typo", "[evaluation]\nmetrik = 'f1'\n")):
        (tmp_path / name).mkdir()
        toml = TOML.replace(f'name = "{NAME}"', f'name = "{name}"')
        (tmp_path / name / "model.toml").write_text(toml + more)
    said = CliRunner().invoke(app, ["status", "--aws"])
    assert said.exit_code == 0, said.output
    rows = {line.split()[0]: line for line in said.stdout.splitlines() if line.strip()}
    assert "3 since" in rows[NAME]
    assert "not deployed" in rows["shop"]
    assert "was promoted" not in rows["shop"]
    text = " ".join(said.stdout.split())
    assert "Not deployed: shop. Run `evergreen deploy --aws --stage dev`." in text
    assert "metrik is no key of [evaluation]; did you mean metric?" in text
    document = json.loads(CliRunner().invoke(app, ["status", "--aws", "--json"]).stdout)
    assert [model["deployed"] for model in document["models"]] == [True, False]
    assert list(document["faults"]) == ["typo"]


def test_a_version_that_an_interrupted_deployment_left_is_not_said_to_serve(
    target: TargetInProcess,
) -> None:
    promote(target.storage, target.account.production(), "6")
    target.__dict__["outputs"] = {"BucketName": "data"}
    said = CliRunner().invoke(app, ["status", "--aws"])
    row = next(line for line in said.stdout.splitlines() if line.split()[:1] == [NAME])
    assert "not deployed; 6 was promoted" in row
