"""The way to a first champion that works on AWS too: a file, and the state machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.shared.demo_steps import example_row
from cli.shared.examples import find_example
from cli.shared.loop_observation import Loop
from cli.shared.target import Target
from cli.shared.traffic import Api
from evergreen.datasets.manifest import read_manifest
from evergreen.production import Production
from evergreen.release.decision_log import decision_key, read_decision_records

if TYPE_CHECKING:
    from pathlib import Path

    from local.stack import Stack

MODEL = "daily_ridership"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write the example's first rows to a file, as somebody would who brings data."""
    example = find_example(MODEL)
    rows = example.load(example.trained_on, example.fraction)
    rows.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def test_a_file_is_trained_on_and_judged_by_the_deployed_state_machine(
    deployed: Target, local_stack: Stack, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    example = find_example(MODEL)
    production = Production(deployed.stage, deployed.client("ssm"))
    before = production.read(MODEL)
    monkeypatch.setattr("cli.shared.target.running_stack", lambda _: local_stack)
    # No step on this side may need the registry.
    monkeypatch.setattr(Target, "mlflow_uri", None)
    answer = CliRunner().invoke(app, ["train", MODEL, "--data", str(file), "--json"])
    assert answer.exit_code == 0, answer.output
    result = json.loads(answer.stdout)
    assert result["status"] == "SUCCEEDED"
    record = read_decision_records(deployed.storage, MODEL)[-1]
    assert record.execution == result["execution"]
    assert record.dataset_id == result["output"]["dataset_id"]
    # Its rows were not studied on this side.
    assert read_manifest(deployed.storage, MODEL, record.dataset_id).aging is not None
    if before is None:
        serving = production.read(MODEL)
        assert serving is not None
        assert (serving.version, record.decision) == (record.challenger, "promote")
        assert record.reason.startswith("nothing was in production to compare with; ")
        with Api.of(deployed) as api:
            Loop(deployed, example.definition).wait_until_serving(api, serving.version)
            answered = api.predict(MODEL, {"instances": [example_row(MODEL)]})
        assert answered["model_version"] == serving.version
    else:  # another test has promoted a version; the same rows are no better
        assert record.champion == before.version
    if before is None:
        # The tests after this one expect that nothing serves, and nothing was decided.
        deployed.client("ssm").delete_parameter(Name=production.parameter(MODEL))
        deployed.storage.delete(decision_key(record))
