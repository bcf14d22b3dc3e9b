"""The estimate is what labels would give, as long as rows that look alike are right as often."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evergreen.bundle.sharpness import Sharpness
from evergreen.drift.detectors.estimation import estimate_performance
from evergreen.evaluation.measure import measure_of
from evergreen.model_definition import Evaluation, Feature, GroundTruth, ModelDefinition

if TYPE_CHECKING:
    from evergreen.columns import Columns
    from evergreen.drift.records import PerformanceEstimate

LABELS = st.sampled_from("ab")
LOGGED = ["model_output", "confidence"]
NUMBERS = ModelDefinition(
    name="m",
    task="regression",
    target="y",
    features={"x": Feature(type="float"), "colour": Feature(type="category")},
)


def classes(**rest: Any) -> ModelDefinition:
    return ModelDefinition(
        name="m", task="classification", target="y", features={"x": Feature(type="float")}, **rest
    )


def two(rows: int, rng: np.random.Generator, shift: float = 0.0) -> pa.Table:
    """Return answers of a model that is too sure of itself, at 1.5 times the true slope."""
    x = rng.normal(size=rows) + shift
    true = rng.random(rows) < 1 / (1 + np.exp(1 - 2 * x))
    score = 1 / (1 + np.exp(1.5 * (1 - 2 * x)))
    return pa.table(
        {
            "label": np.where(true, "1", "0"),
            "model_output": np.where(score > 0.5, "1", "0"),
            "confidence": np.maximum(score, 1 - score),
        }
    )


def many(rows: int, rng: np.random.Generator, names: str = "abc") -> pa.Table:
    """Return answers among several classes, of which each is taken for the next one."""
    true = rng.integers(0, len(names), rows)
    sure = rng.uniform(0.4, 1, rows)
    said = np.where(rng.random(rows) < sure, true, (true + 1) % len(names))
    letters = np.array(list(names))
    return pa.table({"label": letters[true], "model_output": letters[said], "confidence": sure})


def numbers(rows: int, rng: np.random.Generator, share: float = 0.2) -> tuple[Columns, pa.Table]:
    """Return answers whose errors are four times as large where the colour is red."""
    x = rng.normal(size=rows)
    red = rng.random(rows) < share
    label = x + rng.normal(size=rows) * np.where(red, 2.0, 0.5)
    table = pa.table({"label": label, "model_output": x, "confidence": pa.nulls(rows)})
    colour = np.where(red, "red", "blue").astype(object)
    return {"x": x.astype(np.float32), "colour": colour}, table


def estimate_numbers(
    holdout: tuple[Columns, pa.Table], window: tuple[Columns, pa.Table], metric: Any = "rmse"
) -> PerformanceEstimate:
    return estimate_performance(
        NUMBERS.model_copy(update={"evaluation": Evaluation(metric=metric)}),
        window[1].select(LOGGED),
        holdout[1],
        holdout_features=holdout[0],
        window_features=window[0],
        alpha=0.05,
        min_rows=20,
    )


def estimate(definition: ModelDefinition, holdout: pa.Table, window: pa.Table) -> Any:
    return estimate_performance(definition, window.select(LOGGED), holdout, alpha=0.05, min_rows=20)


def real(definition: ModelDefinition, window: pa.Table, names: str = "") -> float:
    truth, said = (window[name].to_numpy() for name in ("label", "model_output"))
    return measure_of(definition).score(truth, said, list(names))


@pytest.mark.parametrize(
    "metric", ["f1", "f1_weighted", "accuracy", "mcc", "precision", "recall", "balanced_accuracy"]
)
def test_a_shift_of_the_inputs_is_seen_in_the_metric_of_two_classes(metric: Any) -> None:
    rng = np.random.default_rng(1)
    definition = classes(evaluation=Evaluation(metric=metric))
    inside, missed = [], []
    for _ in range(6):
        window = two(800, rng, shift=-0.7)
        found = estimate(definition, two(2000, rng), window)
        known = real(definition, window, "01")
        inside.append(found.interval_low <= known <= found.interval_high)
        missed.append(found.value - known)
    assert sum(inside) >= 5
    assert abs(np.mean(missed)) < 0.04
    assert found.threshold == pytest.approx(real(definition, two(20_000, rng), "01"), abs=0.06)


def test_it_says_worse_only_where_it_is() -> None:
    rng = np.random.default_rng(2)
    quiet = [estimate(classes(), two(1000, rng), two(500, rng)).worse for _ in range(10)]
    moved = [estimate(classes(), two(1000, rng), two(500, rng, -0.7)).worse for _ in range(5)]
    assert sum(quiet) <= 2  # one in twenty is allowed
    assert all(moved)


def test_what_is_known_of_a_refit_lets_a_fall_be_seen() -> None:
    """An older file does not say how much surer the refit is, so less is sure."""
    rng = np.random.default_rng(7)
    sides = [(two(400, rng), two(400, rng, -0.25)) for _ in range(8)]
    known = {"refit": "True", "sharpness": "[1.0, 2]"}
    found = [
        [estimate(classes(), old.replace_schema_metadata(about), new).worse for old, new in sides]
        for about in (None, known, {"refit": "True"})
    ]
    assert found[0] == found[1]
    assert sum(found[2]) < sum(found[1])


@pytest.mark.parametrize("metric", ["accuracy", "roc_auc"])
def test_a_refit_that_is_less_sure_is_not_worse(metric: Any) -> None:
    rng = np.random.default_rng(8)
    definition = classes(evaluation=Evaluation(metric=metric))
    before, now = two(2000, rng), two(3000, rng)
    less = Sharpness(0.6, 2)
    place = now.column_names.index("confidence")
    now = now.set_column(place, "confidence", pa.array(less.of(now["confidence"].to_numpy())))
    unknown, known = (
        estimate(definition, before.replace_schema_metadata(about), now)
        for about in ({"refit": "True"}, {"refit": "True", "sharpness": "[0.6, 2]"})
    )
    assert unknown.value < known.value
    assert known.value == pytest.approx(known.threshold, abs=0.02)
    assert not known.worse


def test_several_classes_are_taken_for_each_other_as_on_the_holdout() -> None:
    rng = np.random.default_rng(3)
    inside = []
    for _ in range(5):
        window = many(900, rng)
        window = window.filter(pa.array(window["confidence"].to_numpy() < 0.8))  # the unsure ones
        found = estimate(classes(), many(2000, rng), window)
        inside.append(found.interval_low <= real(classes(), window, "abc") <= found.interval_high)
        assert found.worse
    assert sum(inside) >= 4


@pytest.mark.parametrize("metric", ["rmse", "r2", "mape"])
def test_larger_errors_of_some_rows_are_seen_where_there_are_more_of_them(metric: Any) -> None:
    rng = np.random.default_rng(4)
    definition = NUMBERS.model_copy(update={"evaluation": Evaluation(metric=metric)})
    inside = []
    for _ in range(3):
        window = numbers(500, rng, share=0.6)
        found = estimate_numbers(numbers(800, rng), window, metric)
        assert found.interval_low is not None
        assert found.interval_high is not None
        inside.append(found.interval_low <= real(definition, window[1]) <= found.interval_high)
        assert found.worse is (metric != "mape")  # shares of labels near zero tell nothing
    assert sum(inside) >= 2


def test_a_quiet_window_of_numbers_is_not_worse() -> None:
    rng = np.random.default_rng(5)
    found = [estimate_numbers(numbers(500, rng), numbers(300, rng)).worse for _ in range(5)]
    assert sum(found) <= 1


def test_few_rows_tell_that_more_of_them_have_large_errors() -> None:
    rng = np.random.default_rng(9)
    sides = [
        (numbers(250, rng), numbers(250, rng, share)) for share in (0.2, 0.5) for _ in range(4)
    ]
    found = [estimate_numbers(*each) for each in sides]
    assert [sum(each.worse for each in part) for part in (found[:4], found[4:])] == [0, 4]
    # An error is no number below zero, however little is known of it.
    assert all(each.interval_low is not None and each.interval_low > 0.3 for each in found)


def test_why_there_is_none() -> None:
    rng = np.random.default_rng(6)
    rows = two(100, rng)
    unsure = rows.set_column(2, "confidence", pa.nulls(100, pa.float64()))
    assert estimate(classes(), unsure, rows).reason == "the model gives no confidence"
    assert estimate(classes(), rows, rows.slice(0, 19)).reason == "19 rows in the window, 20 needed"
    assert estimate(classes(), rows.slice(0, 3), rows).reason == "3 rows in the holdout, 20 needed"
    own = Evaluation(metric="training:gain", greater_is_better=True)
    lost = classes(evaluation=own)  # it has no folder, so loading the function would fail
    assert estimate(lost, rows, rows).reason == "there is no estimate of gain"
    missing = estimate_performance(classes(), rows, None, alpha=0.05, min_rows=20)
    assert "was not kept" in str(missing.reason)
    features, table = numbers(100, rng)
    far = table.set_column(0, "label", pa.array(np.full(100, 1e200)))
    found = estimate_numbers((features, far), (features, table))
    assert (found.value, found.reason) == (None, "an error on the holdout is not finite")


def test_a_perfect_model_and_features_that_do_not_vary() -> None:
    rows = pa.table(
        {"label": np.arange(50.0), "model_output": np.arange(50.0), "confidence": pa.nulls(50)}
    )
    same = {"x": np.zeros(50, np.float32), "colour": np.full(50, "red", dtype=object)}
    for metric in ("rmse", "r2"):
        found = estimate_numbers((same, rows), (same, rows), metric)
        assert found.reason is None
        assert not found.worse
    always = pa.table({"label": ["a"] * 30, "model_output": ["a"] * 30, "confidence": [1.0] * 30})
    told = classes(ground_truth=GroundTruth(classes=("a", "b")))
    assert estimate(told, always, always).value == pytest.approx(0.0)  # of b there is nothing
    assert estimate(classes(), always, always).interval_high == pytest.approx(1.0)


@settings(max_examples=15)
@given(
    st.lists(st.tuples(LABELS, st.sampled_from("abc"), st.floats(0, 1)), min_size=20),
    st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 1)), min_size=20),
)
def test_any_answers_have_an_estimate_within_the_range_of_the_metric(
    old: list[tuple[str, str, float]], new: list[tuple[str, float]]
) -> None:
    label, output, sure = zip(*old, strict=True)
    holdout = pa.table({"label": label, "model_output": output, "confidence": sure})
    answered, confidence = zip(*new, strict=True)
    window = pa.table({"model_output": answered, "confidence": confidence})
    found = estimate(classes(), holdout, window)
    assert 0 <= found.interval_low <= found.interval_high <= 1
    assert 0 <= found.value <= 1
