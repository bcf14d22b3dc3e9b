"""Each metric that may decide is what scikit-learn computes, of answers, of counts and of means."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from sklearn import metrics

from evergreen.evaluation.bootstrap import resample_labels, resample_numbers
from evergreen.evaluation.degradation import measure_degradation
from evergreen.evaluation.measure import Measure, measure_of
from evergreen.model_definition import Evaluation, Feature, ModelDefinition, ModelMetric
from evergreen.model_definition.evaluation import CLASS_METRICS, NUMBER_METRICS

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 400
OF_TWO: dict[str, Callable[..., float]] = {
    "f1": partial(metrics.f1_score, pos_label="b"),
    "f1_macro": partial(metrics.f1_score, average="macro"),
    "f1_weighted": partial(metrics.f1_score, average="weighted"),
    "accuracy": metrics.accuracy_score,
    "balanced_accuracy": metrics.balanced_accuracy_score,
    "mcc": metrics.matthews_corrcoef,
    "precision": partial(metrics.precision_score, pos_label="b"),
    "recall": partial(metrics.recall_score, pos_label="b"),
}
OF_THREE: dict[str, Callable[..., float]] = {
    **OF_TWO,
    **{
        name: partial(score, average="macro", zero_division=0)
        for name, score in {
            "f1": metrics.f1_score,
            "precision": metrics.precision_score,
            "recall": metrics.recall_score,
        }.items()
    },
}
OF_NUMBERS: dict[str, Callable[..., float]] = {
    "rmse": metrics.root_mean_squared_error,
    "mae": metrics.mean_absolute_error,
    "mape": metrics.mean_absolute_percentage_error,
    "smape": lambda true, said: float(
        np.mean(2 * np.abs(true - said) / (np.abs(true) + np.abs(said)))
    ),
    "r2": metrics.r2_score,
    "pinball": partial(metrics.mean_pinball_loss, alpha=0.8),
}


def words(classes: str, right: float, seed: int = 0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    true = random.choice(list(classes), ROWS).astype(object)
    said = np.where(random.random(ROWS) < right, true, random.choice(list(classes), ROWS))
    return true, said.astype(object)


def numbers(noise: float, seed: int = 0) -> tuple[Any, Any]:
    random = np.random.default_rng(seed)
    true = random.normal(50, 10, ROWS)
    return true, true + random.normal(0, noise, ROWS)


def test_every_metric_is_tested_here() -> None:
    assert {*OF_TWO} == {*CLASS_METRICS}
    assert {*OF_NUMBERS} == {*NUMBER_METRICS}
    assert get_args(ModelMetric) == (*CLASS_METRICS, *NUMBER_METRICS)


@pytest.mark.parametrize("name", CLASS_METRICS)
@pytest.mark.parametrize("classes", ["ab", "abc"])
def test_metrics_of_classes(name: Any, classes: str) -> None:
    true, said = words(classes, 0.6)
    expected = (OF_TWO if len(classes) == 2 else OF_THREE)[name](true, said)
    assert Measure(name).score(true, said, classes) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["f1", "precision", "recall"])
def test_the_positive_class_is_a_choice(name: Any) -> None:
    true, said = words("ab", 0.6)
    score = {"f1": metrics.f1_score, "precision": metrics.precision_score}.get(
        name, metrics.recall_score
    )
    expected = score(true, said, pos_label="a")
    assert Measure(name, positive="a").score(true, said, "ab") == pytest.approx(expected)


@pytest.mark.parametrize("name", NUMBER_METRICS)
def test_metrics_of_numbers(name: Any) -> None:
    true, said = numbers(5)
    found = Measure(name, quantile=0.8).score(true, said)
    assert found == pytest.approx(OF_NUMBERS[name](true, said))


def test_a_label_of_zero_has_no_percentage() -> None:
    true, said = np.array([0.0, 2.0]), np.array([1.0, 3.0])
    assert Measure("mape").score(true, said) == pytest.approx(0.5)
    assert Measure("smape").score(np.zeros(2), np.zeros(2)) == 0


@pytest.mark.parametrize("name", [*CLASS_METRICS, *NUMBER_METRICS])
def test_resamples_lie_around_the_metric_and_tell_the_better_model(name: Any) -> None:
    measure = Measure(name)
    if name in CLASS_METRICS:
        true, bad = words("abc", 0.5)
        good = np.where(np.random.default_rng(1).random(ROWS) < 0.5, true, bad)
        old, new = resample_labels(true, bad, good, "abc", measure=measure)
        scores = [measure.score(true, side, "abc") for side in (bad, good)]
    else:
        true, bad = numbers(8)
        good = (true + bad) / 2
        old, new = resample_numbers(true, bad, good, measure=measure)
        scores = [measure.score(true, side) for side in (bad, good)]
    for drawn, score in zip((old, new), scores, strict=True):
        low, high = np.quantile(drawn, [0.02, 0.98])
        assert low < score < high
    better = new > old if measure.more_is_better else new < old
    assert better.mean() > 0.95


def defined(name: str) -> ModelDefinition:
    return ModelDefinition(
        name="fruit",
        task="classification" if name in CLASS_METRICS else "regression",
        target="ripe",
        features={"size": Feature(type="float")},
        evaluation=Evaluation.model_validate({"metric": name}),
    )


@pytest.mark.parametrize("name", [*CLASS_METRICS, *NUMBER_METRICS])
def test_a_fall_is_found_and_no_fall_is_not(name: str) -> None:
    def side(quality: float, seed: int) -> pa.Table:
        made = words("abc", quality, seed) if name in CLASS_METRICS else numbers(quality, seed)
        return pa.table({"label": made[0], "model_output": made[1]})

    good, bad = (0.8, 0.4) if name in CLASS_METRICS else (3.0, 9.0)
    definition, promoted = defined(name), side(good, 1)
    fallen = measure_degradation(definition, side(bad, 2), promoted)
    same = measure_degradation(definition, side(good, 3), promoted)
    assert fallen.p_value < 0.01 < same.p_value
    true, said = (np.array(side(bad, 2)[each].to_pylist()) for each in ("label", "model_output"))
    score = measure_of(definition).score(true, said, "abc" if name in CLASS_METRICS else ())
    assert fallen.newer == pytest.approx(score)


@pytest.mark.parametrize(
    ("task", "rule"),
    [
        ("classification", {"metric": "mae"}),
        ("regression", {"metric": "accuracy"}),
        ("regression", {"positive": "late"}),
    ],
    ids=["mae of classes", "accuracy of numbers", "positive number"],
)
def test_what_does_not_fit_the_task_is_refused(task: str, rule: dict[str, str]) -> None:
    raw = {"name": "fruit", "task": task, "target": "ripe", "features": {"size": {"type": "float"}}}
    with pytest.raises(ValidationError, match="does not fit task"):
        ModelDefinition.model_validate({**raw, "evaluation": rule})
