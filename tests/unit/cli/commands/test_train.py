"""What `evergreen train --data` uploads, and what it refuses before that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pytest
from sklearn.base import clone
from typer.testing import CliRunner

from cli.commands import train
from cli.main import app
from cli.shared import executions
from evergreen.datasets.store import load_dataset
from evergreen.errors import EvergreenError
from tests.support.target_in_process import TargetInProcess
from tests.support.trained_models import (
    DEFINITION,
    TOML,
    frame,
    pipeline,
    promote,
    training_columns,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from typer.testing import Result

    from cli.shared.target import Target
    from tests.support.aws_in_process import Account


@dataclass(frozen=True)
class _Target(TargetInProcess):
    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs, among them the function of the model."""
        return {"PredictFunctionNameLateBus": "predict", "BucketName": "data"}


@pytest.fixture
def uploaded(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the ids of what was uploaded. The state machine needs an emulator, so none starts."""
    aws.storage()
    folder = tmp_path / "models" / DEFINITION.name
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    found: list[str] = []

    def start(_target: Target, _model: str, dataset_id: str) -> str:
        found.append(dataset_id)
        return "started"

    monkeypatch.setattr(train, "MODELS", folder.parent)
    monkeypatch.setattr(train, "choose", lambda **_: _Target("dev", {}, aws))
    monkeypatch.setattr(executions, "start_execution", start)
    monkeypatch.setattr(train, "finish", lambda *_, **__: None)
    return found


def _train(folder: Path, *labels: str) -> Result:
    file = folder / "rows.csv"
    rows = [
        f"2026-03-01T{n % 24:02}:00:00Z,0.5,{n},U1,yes,{labels[n % len(labels)]}" for n in range(40)
    ]
    file.write_text("\n".join(["timestamp,wind,stops,line,express,late", *rows]))
    return CliRunner().invoke(app, ["train", DEFINITION.name, "--data", str(file)])


def test_labels_of_a_file_become_those_of_the_champion(
    aws: Account, tmp_path: Path, uploaded: list[str]
) -> None:
    estimator = clone(pipeline(1)).fit(frame(training_columns()), training_columns()["stops"] > 20)
    promote(aws.storage(), aws.production(), "2", of=estimator)
    done = _train(tmp_path, "Yes", "no")
    assert done.exit_code == 0, done.output
    rows = load_dataset(aws.storage(), DEFINITION.name, uploaded[0])
    assert {*rows[DEFINITION.target].to_pylist()} == {"True", "False"}
    assert "Yes is read as True, no is read as False, as the classes of version 2" in done.stderr
    refused = _train(tmp_path, "red", "blue")
    assert isinstance(refused.exception, EvergreenError)
    assert "has the classes False, True" in str(refused.exception)
    assert len(uploaded) == 1


def test_a_class_of_few_rows_is_told(tmp_path: Path, uploaded: list[str]) -> None:
    done = _train(tmp_path, *["yes", "no"] * 19, "yes", "perhaps")
    assert "! classes with few rows: perhaps (1 row)" in done.stderr
    assert len(uploaded) == 1
