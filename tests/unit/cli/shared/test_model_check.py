"""The check of a model whose metric scores probabilities, or is a function of the user's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from cli.shared import model_check
from cli.shared.model_check import check_model, classes_note
from evergreen.errors import BundleError, ModelDefinitionError

if TYPE_CHECKING:
    from pathlib import Path

ROWS = 400
TRAINING = """
from sklearn.linear_model import LogisticRegression

def train(features, target):
    return LogisticRegression().fit(features, target)

def gain(labels, answers):
    return float(((answers == "1") * ((labels == "1") * 10.0 - 3)).mean())
"""
DEFINITION = """
name = "fruit"
task = "classification"
target = "ripe"
[features]
size = { type = "float" }
[evaluation]
"""


def rows() -> pa.Table:
    random = np.random.default_rng(0)
    size = random.normal(size=ROWS).astype(np.float32)
    ripe = np.where(size + random.normal(size=ROWS) > 0.5, "1", "0")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    times = [start + timedelta(hours=row) for row in range(ROWS)]
    return pa.table({"size": size, "ripe": ripe, "timestamp": times})


def check(folder: Path, rule: str, training: str = TRAINING, serving: str = "") -> Any:
    folder = folder / "fruit"
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(serving + DEFINITION + rule)
    (folder / "training.py").write_text(training)
    return check_model(folder, rows(), lambda _: None, drift=False)


def test_the_naive_answer_to_a_probability_is_the_share(tmp_path: Path) -> None:
    found = check(tmp_path, 'metric = "roc_auc"')
    assert (found.metric, found.naive) == ("roc_auc", 0.5)
    assert found.score > 0.7
    assert found.naive_answer.endswith("the share of the positive class, 0.405")


def test_a_function_of_the_users_is_scored(tmp_path: Path) -> None:
    found = check(tmp_path, 'metric = "training:gain"\ngreater_is_better = true')
    assert (found.metric, found.warnings) == ("gain", ())
    assert found.score > found.naive


def test_own_classes_are_served_if_cdk_json_trusts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = TRAINING.replace(
        "    return LogisticRegression().fit(features, target)",
        "    return make_pipeline(FunctionTransformer(halved), LogisticRegression()).fit("
        "features, target)\n\ndef halved(frame):\n    return frame / 2",
    ).replace(
        "\ndef train",
        "from sklearn.pipeline import make_pipeline\nfrom "
        "sklearn.preprocessing import FunctionTransformer\n\ndef train",
        1,
    )
    with pytest.raises(BundleError, match=r"does not trust evergreen_model_fruit\.halved"):
        check(tmp_path / "first", "", own, serving='serving = "sklearn"')
    named = frozenset({"evergreen_model_fruit.halved"})
    monkeypatch.setattr(model_check, "read_trusted_types", lambda: named)
    assert check(tmp_path / "second", "", own, serving='serving = "sklearn"').score > 0.5


def test_the_drift_check_must_be_able_to_import_the_function(tmp_path: Path) -> None:
    rule = 'metric = "training:gain"\ngreater_is_better = true'
    with pytest.raises(ModelDefinitionError, match="imports lightgbm, which the image of the dri"):
        check(tmp_path, rule, "import lightgbm\n" + TRAINING)


def test_many_classes_are_told_before_the_training_takes_minutes() -> None:
    assert classes_note(49) is None
    assert "the target has 150 classes" in str(classes_note(150))
