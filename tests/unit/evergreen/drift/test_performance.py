"""Degraded means that the whole interval is worse, in the metric's own direction."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import f1_score

from evergreen.drift import performance
from evergreen.drift.performance import compare_performance
from evergreen.model_definition import Feature, ModelDefinition


def definition(task: Any = "classification") -> ModelDefinition:
    return ModelDefinition(name="m", task=task, target="y", features={"x": Feature(type="float")})


def labelled(label: Any, output: Any) -> pa.Table:
    return pa.table({"label": label, "model_output": output})


def answers(rows: int, wrong: Any, seed: int = 0, classes: Any = ("0", "1")) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(classes, rows)
    predicted = np.where(rng.random(rows) < wrong, rng.choice(classes, rows), truth)
    return truth, predicted


@pytest.mark.parametrize(
    ("classes", "average"), [(("0", "1"), "binary"), (("no", "yes"), "binary"), ("abc", "macro")]
)
def test_f1_is_scikit_learns(classes: Any, average: str) -> None:
    truth, predicted = answers(500, 0.4, classes=tuple(classes))
    test = compare_performance(definition(), labelled(truth, predicted), 0.9)
    positive = {"pos_label": classes[-1]} if average == "binary" else {}
    expected = f1_score(truth, predicted, average=average, **positive)
    assert test.value == pytest.approx(expected)
    assert test.interval_low is not None
    assert test.interval_high is not None
    assert test.interval_low < expected < test.interval_high


@pytest.mark.parametrize(("promoted", "degraded"), [(0.95, True), (0.8, False), (0.5, False)])
def test_f1_degrades_downwards(promoted: Any, degraded: bool) -> None:
    test = compare_performance(definition(), labelled(*answers(500, 0.4)), promoted)
    assert test.drifted is degraded
    assert test.threshold == promoted


@pytest.mark.parametrize(("promoted", "degraded"), [(0.5, True), (1.0, False), (2.0, False)])
def test_rmse_degrades_upwards(promoted: Any, degraded: bool) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(size=800)
    test = compare_performance(
        definition("regression"), labelled(truth, truth + rng.normal(size=800)), promoted
    )
    assert test.value == pytest.approx(1.0, abs=0.1)
    assert test.drifted is degraded


def test_resampling_in_parts_covers_every_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(performance, "_CELLS", 70_000)
    truth = np.zeros(300)
    errors = np.random.default_rng(2).normal(size=300)
    value, draws = performance._resample_rmse(truth, errors, np.random.default_rng(3))
    assert draws.shape == (performance.RESAMPLES,)
    assert draws.mean() == pytest.approx(value, rel=0.02)


@pytest.mark.parametrize(
    ("rows", "promoted", "reason"),
    [
        (0, 0.9, "0 labelled rows in the window, 200 needed"),
        (199, 0.9, "199 labelled rows in the window, 200 needed"),
        (500, None, "the metric at promotion is not known"),
    ],
)
def test_no_verdict_has_a_reason(rows: int, promoted: Any, reason: str) -> None:
    test = compare_performance(definition(), labelled(*answers(rows, 1.0)), promoted)
    assert not test.drifted
    assert test.reason == reason
