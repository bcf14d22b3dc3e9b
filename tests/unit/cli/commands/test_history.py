"""What `evergreen history` shows of who decided."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.commands import doctor, history
from cli.main import app
from evergreen.release.decision_log import decider
from evergreen.release.promotion import promote, reject
from evergreen.repair.orphans import ABANDONED
from tests.support.release_bench import MODEL, ReleaseBench, comparison, open_release_bench
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import TOML

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

EXECUTION = "arn:aws:states:us-east-1:000000000000:execution:retrain:7"


@pytest.fixture
def bench(aws: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[ReleaseBench]:
    folder = tmp_path / "models" / MODEL
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML.replace("late_bus", MODEL))
    deployed = TargetInProcess.of(aws)
    for command in (doctor, history):
        monkeypatch.setattr(command, "MODELS", folder.parent)
        monkeypatch.setattr(command, "choose", lambda **_: deployed)
    with open_release_bench(aws, tmp_path, "bucket") as made:
        yield made


def test_each_decision_is_told_with_who_made_it(bench: ReleaseBench) -> None:
    first, second, third = (bench.challenger(f"ds-{number}") for number in (1, 2, 3))
    promote(bench.context, MODEL, first, comparison())
    reject(bench.context, MODEL, second, comparison("reject"), execution=EXECUTION)
    # S3 tells times in whole seconds, so what was made in this second is not old enough yet.
    time.sleep(1 - time.time() % 1)
    fixed = CliRunner().invoke(app, ["doctor", MODEL, "--fix", "--grace", "0 seconds"])
    assert fixed.exit_code == 0, fixed.output
    assert [record.execution for record in bench.records()].count("doctor") == 1

    entries = json.loads(CliRunner().invoke(app, ["history", MODEL, "--json"]).stdout)["history"]
    assert {(entry["version"], entry["by"]) for entry in entries} == {
        (first, "hand"),
        (second, "retraining"),
        (third, "doctor"),
    }
    said = CliRunner().invoke(app, ["history", MODEL]).stdout.splitlines()
    row = next(line for line in said if f"rejected {third}" in line)
    assert row.endswith("doctor")
    assert any(ABANDONED in line for line in said)


def test_a_pointer_of_a_destroyed_deployment_is_withdrawn_by_the_doctor(
    bench: ReleaseBench,
) -> None:
    promote(bench.context, MODEL, bench.challenger("ds-1"), comparison())
    old = bench.pointer().model_copy(update={"bundle_uri": f"s3://gone/bundles/{MODEL}/1/"})
    bench.context.production.write(MODEL, old)
    said = CliRunner().invoke(app, ["doctor", MODEL, "--json"])
    assert said.exit_code == 1
    pointer, loss = json.loads(said.stdout)
    assert "of a deployment that was destroyed" in pointer["found"]
    assert pointer["fix"].startswith("withdraw the pointer")
    assert loss["fix"].startswith(f"Run `evergreen train {MODEL}")
    CliRunner().invoke(app, ["doctor", MODEL, "--fix"])
    assert bench.context.production.read(MODEL) is None
    assert "of a deployment" not in CliRunner().invoke(app, ["doctor", MODEL, "--json"]).stdout


@pytest.mark.parametrize(
    ("execution", "by"),
    [
        (None, "hand"),
        ("doctor", "doctor"),
        ("arn:aws:cloudwatch:us-east-1:000000000000:alarm:LateServerErrors", "alarm"),
        (EXECUTION, "retraining"),
    ],
)
def test_who_decided_follows_from_the_record(execution: str | None, by: str) -> None:
    assert decider(execution) == by


def test_a_version_is_told_with_its_run_its_data_and_its_execution(bench: ReleaseBench) -> None:
    first, second = (bench.challenger(f"ds-{number}") for number in (1, 2))
    promote(bench.context, MODEL, first, comparison())
    reject(bench.context, MODEL, second, comparison("reject"), execution=EXECUTION)
    (run,) = {each.run_id for each in bench.records() if each.challenger == second}
    shown = CliRunner().invoke(app, ["history", MODEL, "--version", second])
    assert shown.exit_code == 0, shown.exception
    said = shown.stdout
    for part in (f"reject version {second}", "by retraining", "ds-2", run, EXECUTION):
        assert part in said
    # moto knows no such execution, as Step Functions knows none of three months ago.
    assert "no longer known" in said
    found = json.loads(
        CliRunner().invoke(app, ["history", MODEL, "--version", second, "--json"]).stdout
    )
    assert [(each["decision"], each["steps"]) for each in found["decisions"]] == [("reject", None)]
    unknown = CliRunner().invoke(app, ["history", MODEL, "--version", "99"])
    assert "nothing was decided about this version" in str(unknown.exception)
