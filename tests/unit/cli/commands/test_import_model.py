"""A file of another framework becomes a version that answers, by the command line alone."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import httpx
import mlflow.pyfunc
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from cli.commands import import_model, promote, retrain, train
from cli.main import app
from evergreen.bundle.store import load_bundle, save_bundle
from evergreen.deployment.by_hand import release_context_of
from evergreen.errors import EvergreenError, ModelDefinitionError
from evergreen.registry.writer import MODEL_ARTIFACT
from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from tests.support.folder_bucket import Folder
from tests.support.foreign_models import FEATURES, columns, logits, network
from tests.support.forgotten_settings import forget
from tests.support.release_bench import BUS
from tests.support.served_over_http import served
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

TOML = """\
name = "late_bus"
task = "classification"
target = "late"

[features]
wind = { type = "float" }
"a b" = { type = "float" }
stops = { type = "integer" }

[retraining]
by = "import"
"""


@pytest.fixture
def target(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TargetInProcess:
    found = TargetInProcess.of(aws)
    folder = tmp_path / "models" / "late_bus"
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(TOML)
    for command in (import_model, promote, retrain, train):
        monkeypatch.setattr(command, "MODELS", folder.parent)
        monkeypatch.setattr(command, "choose", lambda **_: found)
    found.client("events").create_event_bus(Name=BUS)
    return found


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = columns()
    labels = np.where(logits(rows) > 0, "late", "fine")
    times = pd.date_range("2026-01-01", periods=200, freq="h", tz="UTC")
    table = pd.DataFrame({**rows, "late": labels, "timestamp": times, "said": labels})
    table.to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_file_is_imported_promoted_and_served(
    target: TargetInProcess, data: Path, tmp_path: Path
) -> None:
    file = network(tmp_path / "bus.onnx")
    options = ("--data", data, "--classes", "fine,late", "--expected", "said")
    shown = run("import", "late_bus", file, *options)
    assert "f1 1.0000 on 100 held-out rows" in shown
    assert "Drift will be reported and starts no retraining" in shown
    assert "evergreen promote late_bus 1" in shown
    run("promote", "late_bus", "1")
    pointer = target.account.production().read("late_bus")
    assert pointer is not None
    context = release_context_of(target)
    run_id = context.registry.find("late_bus", "1").run_id
    kept = mlflow.pyfunc.load_model(
        str(context.registry.download(run_id, MODEL_ARTIFACT, tmp_path / "kept"))
    )
    assert kept.metadata.signature.inputs.input_names() == list(FEATURES)
    assert answers(load_bundle(target.storage, pointer), tmp_path) == ["late", "fine"]


def answers(bundle: Any, folder: Path) -> list[str]:
    save_bundle(Folder(folder / "bucket"), "late_bus", bundle)
    variables = {
        "EVERGREEN_MODEL": "late_bus",
        "EVERGREEN_MODELS": str(folder / "models"),
        "EVERGREEN_VERSION": "1.2.3",
        "EVERGREEN_BUNDLE": str(folder / "bucket" / "bundles" / "late_bus" / "1"),
        "EVERGREEN_LOG_FOLDER": str(folder / "log"),
    }
    rows = [{"wind": 2.0, "a b": 0.5, "stops": 1}, {"wind": -1, "a b": 0.5, "stops": 1}]
    with patch.dict(os.environ, variables):
        forget()
        with served(create_app(ServerSettings.model_validate({}))) as port:
            answer = httpx.post(
                f"http://127.0.0.1:{port}/models/late_bus/predict", json={"instances": rows}
            )
    forget()
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["predictions"]
    return found


def test_a_check_needs_no_deployment_and_says_what_is_doubtful(
    target: TargetInProcess, data: Path, tmp_path: Path
) -> None:
    file = network(tmp_path / "bus.onnx", weights=np.array([[-2], [1], [-0.1]], np.float32))
    options = ("--data", data, "--classes", "fine,late", "--check", "--json")
    made = json.loads(run("import", "late_bus", file, *options))
    assert made["version"] is None
    assert [note for note in made["notes"] if "Is the order of the features in model.toml" in note]
    assert not list(target.storage.list("datasets/"))
    with pytest.raises(EvergreenError, match="no column missed"):
        run("import", "late_bus", file, *options, "--expected", "missed")


def test_without_a_recipe_nothing_starts_a_training(
    target: TargetInProcess, data: Path, tmp_path: Path
) -> None:
    for command in (("retrain", "late_bus"), ("train", "late_bus", "--data", data)):
        with pytest.raises(ModelDefinitionError, match=r"nothing trains it.*evergreen import"):
            run(*command)
    definition = tmp_path / "models" / "late_bus" / "model.toml"
    definition.write_text(TOML.replace('by = "import"', ""))
    with pytest.raises(ModelDefinitionError, match=r"no training.py, so drift.*by = .import."):
        run("import", "late_bus", network(tmp_path / "m.onnx"), "--data", data)
