"""What `evergreen doctor` says of labels that belong to no logged prediction."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.commands import doctor
from cli.main import app
from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import new_request_id, request_log_landing_prefix
from evergreen.clock import to_text, utc_now
from evergreen.deployment import by_hand
from tests.support.log_records import encode, request_records
from tests.support.release_bench import REGISTRIES, open_release_bench
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import DEFINITION, ROW, TOML, promote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

NAME = DEFINITION.name
STRAYS = [new_request_id() for _ in range(7)]


@pytest.fixture(params=REGISTRIES)
def target(
    aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[TargetInProcess]:
    """A deployment of one model with nothing to repair."""
    folder = tmp_path / "models" / NAME
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    deployed = TargetInProcess.of(aws)
    with open_release_bench(aws, tmp_path / "mlflow", request.param) as bench:
        monkeypatch.setattr(doctor, "MODELS", folder.parent)
        monkeypatch.setattr(doctor, "choose", lambda **_: deployed)
        if request.param == "mlflow":  # the other is found by itself, as on AWS
            monkeypatch.setattr(by_hand, "release_context_of", lambda _: bench.context)
        yield deployed


def _label(target: TargetInProcess, *request_ids: str, days: int = 2, label: str = "late") -> None:
    """Land a label of each request, and the prediction of the first."""
    came = utc_now() - timedelta(days=days)
    records = request_records(
        timestamp=came - timedelta(hours=1),
        request_id=request_ids[0],
        definition=DEFINITION,
        model_version="1",
        rows=[ROW],
        outputs=["late"],
        confidences=[0.5],
        metadata={"role": "champion"},
    )
    hour = f"{came:%Y/%m/%d/%H}/{days}"
    target.storage.put(f"{request_log_landing_prefix(NAME)}{hour}", encode(records[0]))
    lines = [
        encode(
            {
                "timestamp": to_text(came),
                "request_id": request_id,
                "row": 0,
                "model": NAME,
                "label": label,
                "observed_at": to_text(came),
            }
        )
        for request_id in request_ids
    ]
    target.storage.put(f"{labels_landing_prefix(NAME)}{hour}", b"".join(lines))


def test_labels_that_join_nothing_are_counted_with_examples(target: TargetInProcess) -> None:
    _label(target, new_request_id(), *STRAYS)
    result = CliRunner().invoke(app, ["doctor", NAME])
    assert result.exit_code == 0, result.output  # there is nothing that --fix could repair
    said = " ".join(result.stdout.split())
    assert f"No inconsistency found for {NAME}." in said
    told = "7 of 8 labels of the last 7 days belong to no logged prediction, such as "
    assert f"{NAME}: {told}" in said
    assert sum(stray in said for stray in STRAYS) == 5
    assert "Send ground truth under the request_id of the prediction's answer" in said
    [document] = json.loads(CliRunner().invoke(app, ["doctor", NAME, "--json"]).stdout)
    assert document["model"] == NAME
    assert document["found"].startswith(told)
    assert document["fixed"] is False


def test_labels_that_join_or_are_older_are_not_mentioned(target: TargetInProcess) -> None:
    _label(target, new_request_id())
    _label(target, new_request_id(), *STRAYS, days=9)
    result = CliRunner().invoke(app, ["doctor", NAME, "--grace", "0 seconds"])
    assert (result.exit_code, "labels" in result.stdout) == (0, False), result.output
    assert json.loads(CliRunner().invoke(app, ["doctor", NAME, "--json"]).stdout) == []


def test_labels_that_cannot_be_right_are_told_with_examples(target: TargetInProcess) -> None:
    promote(target.storage, target.account.production())
    known = new_request_id()
    _label(target, known, label="LATE")
    said = " ".join(CliRunner().invoke(app, ["doctor", NAME]).stdout.split())
    told = "1 labels of the last 7 days cannot be right and are not used, such as LATE"
    assert f"{NAME}: {told}. Send them again, or say in [ground_truth]" in said
    assert "belong to no logged prediction" not in said


def test_what_is_gone_of_the_version_in_production(target: TargetInProcess) -> None:
    """LocalStack has lost its memory: MLflow alone knows of the version."""
    registry = by_hand.release_context_of(target).registry
    version = registry.register(NAME, registry.start_run(NAME, "training", {}), "some-data")
    registry.set_production(NAME, version, previous=None)
    result = CliRunner().invoke(app, ["doctor", NAME, "--fix"])
    said = " ".join(result.stdout.split())
    assert result.exit_code == 1
    assert "No inconsistency" not in said
    assert f"{NAME}: MLflow has version {version} in production, but its pointer" in said
    assert f"Run `evergreen train {NAME} --data FILE`" in said
