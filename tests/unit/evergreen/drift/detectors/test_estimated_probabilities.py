"""The estimate of a metric of probabilities, against what labels give."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.drift.detectors.estimated_probabilities import score_of_holdout
from evergreen.drift.detectors.estimation import estimate_performance
from evergreen.evaluation.measure import measure_of
from evergreen.model_definition import Evaluation, Feature, GroundTruth, ModelDefinition
from evergreen.model_definition.evaluation import PROBABILITY_METRICS

if TYPE_CHECKING:
    from evergreen.drift.records import PerformanceEstimate

LOGGED = ["model_output", "confidence", "probabilities"]


def model(metric: Any, **rest: Any) -> ModelDefinition:
    return ModelDefinition(
        name="m",
        task="classification",
        target="y",
        features={"x": Feature(type="float")},
        evaluation=Evaluation(metric=metric),
        **rest,
    )


def answers(rows: int, rng: np.random.Generator, names: str, width: float = 1.0) -> pa.Table:
    """Return answers of a model that is too sure of itself; of a smaller width they are harder."""
    scores = rng.normal(size=(rows, len(names))) * width
    true = (2 * scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
    shares = np.exp(3 * scores)
    shares /= shares.sum(axis=1, keepdims=True)
    letters = np.array(list(names))
    return pa.table(
        {
            "label": letters[true],
            "model_output": letters[shares.argmax(axis=1)],
            "confidence": shares.max(axis=1),
            "probabilities": [
                json.dumps(dict(zip(names, row, strict=True))) for row in shares.tolist()
            ],
        }
    )


def estimate(
    definition: ModelDefinition, holdout: pa.Table, window: pa.Table
) -> PerformanceEstimate:
    window = window.drop(["label"]) if "label" in window.column_names else window
    return estimate_performance(definition, window, holdout, alpha=0.05, min_rows=20)


@pytest.mark.parametrize("names", ["ab", "abc"])
@pytest.mark.parametrize("metric", PROBABILITY_METRICS)
def test_harder_rows_are_seen_in_the_metric(metric: Any, names: str) -> None:
    rng = np.random.default_rng(11)
    definition = model(metric)
    measure = measure_of(definition)
    inside, missed, changed = [], [], []
    for _ in range(3):
        holdout, window = answers(1500, rng, names), answers(800, rng, names, 0.6)
        found = estimate(definition, holdout, window)
        known = score_of_holdout(definition, measure, window, window)
        assert found.value is not None
        assert found.interval_low is not None
        assert found.interval_high is not None
        promoted = score_of_holdout(definition, measure, holdout, holdout)
        assert found.threshold == pytest.approx(promoted)
        assert found.worse
        inside.append(found.interval_low <= known <= found.interval_high)
        missed.append(found.value - known)
        changed.append(promoted - known)
    assert sum(inside) >= 2
    assert abs(np.mean(missed)) < abs(np.mean(changed)) / 2


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_a_quiet_window_is_not_worse(metric: Any) -> None:
    rng = np.random.default_rng(12)
    found = [
        estimate(model(metric), answers(500, rng, names), answers(300, rng, names))
        for names in ("ab", "abc")
        for _ in range(4)
    ]
    assert sum(each.worse for each in found) <= 1


def test_rows_without_the_probabilities_of_many_classes_are_left_out() -> None:
    rng = np.random.default_rng(13)
    rows = answers(100, rng, "abc")
    kept = [text if place < 60 else None for place, text in enumerate(rows[LOGGED[2]].to_pylist())]
    some = rows.set_column(3, LOGGED[2], pa.array(kept, pa.string()))
    found = estimate(model("brier"), rows, some)
    assert (found.rows, found.holdout_rows, found.reason) == (60, 100, None)
    before = rows.drop([LOGGED[2]])  # a holdout of before they were kept
    reason = "0 rows with the probabilities of all classes in the holdout, 20 needed"
    assert estimate(model("brier"), before, rows).reason == reason
    # Of two classes the confidence says both.
    two = answers(100, rng, "ab").drop([LOGGED[2]])
    assert estimate(model("brier"), two, two).reason is None


def test_of_too_many_classes_no_metric_scores_the_probabilities() -> None:
    many = tuple(f"c{number}" for number in range(101))
    definition = model("roc_auc", ground_truth=GroundTruth(classes=many))
    rows = pa.table({"label": many, "model_output": many, "confidence": np.full(101, 0.5)})
    assert "of at most 100 classes" in str(estimate(definition, rows, rows).reason)


@settings(max_examples=15, deadline=None)
@given(
    st.sampled_from(PROBABILITY_METRICS),
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("ab"), st.floats(0, 1)), min_size=20),
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1)), min_size=20),
)
def test_any_answers_have_an_estimate_within_the_range_of_the_metric(
    metric: Any, old: list[tuple[str, str, float]], new: list[tuple[str, float]]
) -> None:
    label, output, sure = zip(*old, strict=True)
    holdout = pa.table({"label": label, "model_output": output, "confidence": sure})
    answered, confidence = zip(*new, strict=True)
    window = pa.table({"model_output": answered, "confidence": confidence})
    definition = model(metric)
    lowest, highest = measure_of(definition).limits
    found = estimate(definition, holdout, window)
    assert found.value is not None
    assert found.interval_low is not None
    assert found.interval_high is not None
    assert lowest <= found.interval_low <= found.interval_high <= highest
    assert lowest <= found.value <= highest
