"""Each metric that may decide is what scikit-learn computes, of answers, of counts and of means."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError
from sklearn import metrics

from evergreen.drift.detectors.performance import compare_performance
from evergreen.errors import EvergreenError, ModelDefinitionError
from evergreen.evaluation.bootstrap import resample, resample_labels, resample_numbers
from evergreen.evaluation.degradation import measure_degradation
from evergreen.evaluation.measure import Measure, measure_of
from evergreen.model_definition import Evaluation, Feature, ModelDefinition
from evergreen.model_definition.evaluation import (
    CLASS_METRICS,
    METRICS,
    NUMBER_METRICS,
    PROBABILITY_METRICS,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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

OF_PROBABILITIES: dict[str, Callable[..., float]] = {
    "roc_auc": metrics.roc_auc_score,
    "pr_auc": metrics.average_precision_score,
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
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
    assert {*OF_PROBABILITIES} == {*PROBABILITY_METRICS}
    assert {*METRICS} == {*OF_TWO, *OF_PROBABILITIES, *OF_NUMBERS}


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
        task="regression" if name in NUMBER_METRICS else "classification",
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
        ("regression", {"metric": "roc_auc"}),
        (
            "regression",
            {
                "metric": "training:gain",
                "greater_is_better": True,
                "metric_input": "probabilities",
            },
        ),
    ],
    ids=["mae of classes", "accuracy of numbers", "positive number", "area", "probability"],
)
def test_what_does_not_fit_the_task_is_refused(task: str, rule: dict[str, Any]) -> None:
    raw = {"name": "fruit", "task": task, "target": "ripe", "features": {"size": {"type": "float"}}}
    with pytest.raises(ValidationError, match="does not fit task"):
        ModelDefinition.model_validate({**raw, "evaluation": rule})


def scores(quality: float, seed: int = 0) -> tuple[Any, Any, Any]:
    """Return labels, answers and their confidences; rounded, so that scores tie."""
    random = np.random.default_rng(seed)
    true = random.choice(["no", "yes"], ROWS, p=[0.7, 0.3]).astype(object)
    noise = random.normal(0, 1, ROWS) + quality * (true == "yes")
    positive = np.round(1 / (1 + np.exp(-noise)), 2)
    said = np.where(positive > 0.5, "yes", "no").astype(object)
    return true, said, np.where(said == "yes", positive, 1 - positive)


@pytest.mark.parametrize("name", PROBABILITY_METRICS)
@pytest.mark.parametrize("positive", ["no", "yes", None])
def test_metrics_of_probabilities_follow_from_labels_and_confidences(
    name: str, positive: str | None
) -> None:
    true, said, sure = scores(1.5)
    measure, classes = Measure(name, positive=positive), ("no", "yes")
    truth, answers = measure.truth(true, classes), measure.answers(said, sure, classes)
    one = positive or "yes"
    of_one = np.where(said == one, sure, 1 - sure)
    expected = OF_PROBABILITIES[name](true == one, of_one)
    assert measure.score(truth, answers, classes) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["roc_auc", "pr_auc"])
def test_an_area_of_draws_is_that_of_the_drawn_rows(name: str) -> None:
    measure, classes = Measure(name), ("no", "yes")
    true, said, sure = scores(1.0)
    truth, answers = measure.truth(true, classes), measure.answers(said, sure, classes)
    draws = np.random.default_rng(3).multinomial(ROWS, np.full(ROWS, 1 / ROWS), 5)
    expected = [
        OF_PROBABILITIES[name](np.repeat(truth, draw), np.repeat(answers, draw)) for draw in draws
    ]
    assert measure.of_draws(truth, answers, draws) == pytest.approx(expected)


def test_an_area_of_one_class_says_nothing() -> None:
    truth, answers = np.zeros(4), np.array([0.1, 0.9, 0.9, 0.2])
    assert Measure("roc_auc").score(truth, answers) == 0.5
    assert Measure("roc_auc").score(1 - truth, answers) == 0.5
    assert Measure("pr_auc").score(truth, answers) == 0


@pytest.mark.parametrize("name", PROBABILITY_METRICS)
def test_resamples_and_falls_of_metrics_of_probabilities(name: str) -> None:
    definition, classes = defined(name), ("no", "yes")
    measure = measure_of(definition)
    true, *good = scores(2.0)
    bad = scores(0.0)[1:]
    truth = measure.truth(true, classes)
    sides = [measure.answers(side[0], side[1], classes) for side in (bad, good)]
    old, new = resample(measure, truth, sides[0], sides[1], classes)
    for drawn, side in zip((old, new), sides, strict=True):
        low, high = np.quantile(drawn, [0.02, 0.98])
        assert low < measure.score(truth, side) < high
    assert ((new > old) if measure.more_is_better else (new < old)).mean() > 0.95

    def table(quality: float, seed: int) -> pa.Table:
        return pa.table(
            dict(zip(("label", "model_output", "confidence"), scores(quality, seed), strict=True))
        )

    fallen = measure_degradation(definition, table(0.0, 2), table(2.0, 1))
    same = measure_degradation(definition, table(2.0, 3), table(2.0, 1))
    assert fallen.p_value < 0.01 < same.p_value


def test_a_probability_needs_a_model_that_gives_it_and_not_too_many_classes() -> None:
    measure, one = Measure("roc_auc"), np.array(["a"], dtype=object)
    for classes in ("ab", "abc"):
        with pytest.raises(ModelDefinitionError, match="the model gives none"):
            measure.answers(one, None, classes)
    with pytest.raises(ModelDefinitionError, match="at most 100 classes, and there are 101"):
        measure.truth(one, [str(number) for number in range(101)])


OF_MANY: dict[str, Callable[..., float]] = {
    "roc_auc": partial(metrics.roc_auc_score, average="macro", multi_class="ovr"),
    "pr_auc": lambda true, shares: metrics.average_precision_score(
        true[:, None] == np.array([*"abc"]), shares, average="macro"
    ),
    "log_loss": metrics.log_loss,
    "brier": metrics.brier_score_loss,
}


def shares(quality: float, seed: int = 0) -> tuple[Any, Any]:
    """Return labels of three classes and their probabilities; rounded, so that scores tie."""
    random = np.random.default_rng(seed)
    true = random.choice([*"abc"], ROWS, p=[0.6, 0.3, 0.1]).astype(object)
    odds = np.exp(
        random.normal(0, 1, (ROWS, 3)) + quality * (true[:, None] == np.array([*"abc"]))
    ).round(1)
    return true, (odds + 0.1) / (odds + 0.1).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("name", PROBABILITY_METRICS)
def test_metrics_of_the_probabilities_of_many_classes(name: str) -> None:
    definition = defined(name)
    measure = measure_of(definition)
    true, good = shares(1.5)
    _, bad = shares(0.0)
    truth = measure.truth(true, "abc")
    sides = [measure.answers(true, None, "abc", side) for side in (bad, good)]
    scored = [measure.score(truth, side, "abc") for side in sides]
    assert scored == pytest.approx([OF_MANY[name](true, side) for side in (bad, good)])
    draws = np.random.default_rng(3).multinomial(ROWS, np.full(ROWS, 1 / ROWS), 3)
    if measure.kind == "draws":
        drawn = [OF_MANY[name](np.repeat(true, d), np.repeat(good, d, axis=0)) for d in draws]
        assert measure.of_draws(truth, good, draws) == pytest.approx(drawn)
    old, new = resample(measure, truth, sides[0], sides[1], "abc", resamples=200)
    for drawn, score in zip((old, new), scored, strict=True):
        low, high = np.quantile(drawn, [0.02, 0.98])
        assert low < score < high
    assert ((new > old) if measure.more_is_better else (new < old)).mean() > 0.95


def test_an_area_is_that_of_the_classes_that_occur() -> None:
    true, found = shares(1.0)
    rows = true != "c"
    areas = [
        metrics.roc_auc_score(true[rows] == name, found[rows, place])
        for place, name in enumerate("ab")
    ]
    measure = Measure("roc_auc")
    truth = measure.truth(true, "abc")
    assert measure.score(truth[rows], found[rows]) == pytest.approx(np.mean(areas))
    assert measure.score(truth[true == "a"], found[true == "a"]) == 0.5


def logged(quality: float, seed: int, *, without: int = 0) -> pa.Table:
    """Return rows as the log has them, the first some without probabilities."""
    true, found = shares(quality, seed)
    texts = [json.dumps(dict(zip("cab", row, strict=True))) for row in found[:, [2, 0, 1]].tolist()]
    return pa.table(
        {
            "label": true,
            "model_output": np.array([*"abc"], dtype=object)[found.argmax(axis=1)],
            "confidence": found.max(axis=1),
            "probabilities": [None] * without + texts[without:],
        }
    )


@pytest.mark.parametrize("name", PROBABILITY_METRICS)
def test_a_fall_of_the_probabilities_of_many_classes(name: str) -> None:
    definition = defined(name)
    fallen = measure_degradation(definition, logged(0.0, 2), logged(1.5, 1))
    same = measure_degradation(definition, logged(1.5, 3), logged(1.5, 1))
    assert fallen.p_value < 0.01 < same.p_value
    assert same.older == pytest.approx(OF_MANY[name](*shares(1.5, 1)))


def test_rows_that_were_logged_without_probabilities_are_left_out_and_counted() -> None:
    definition = defined("log_loss")
    test = compare_performance(
        definition, logged(1.5, 3, without=100), logged(1.5, 1), alpha=0.05, min_rows=50
    )
    true, found = shares(1.5, 3)
    assert (test.labelled_rows, test.unscored_rows) == (ROWS - 100, 100)
    assert test.value == pytest.approx(metrics.log_loss(true[100:], found[100:]))
    few = compare_performance(
        definition, logged(1.5, 3, without=380), logged(1.5, 1), alpha=0.05, min_rows=50
    )
    assert few.value is None
    assert "20 labelled rows in the window, 50 needed; 380 more were logged" in str(few.reason)
    old = compare_performance(
        definition, logged(1.5, 3), logged(1.5, 1, without=ROWS), alpha=0.05, min_rows=50
    )
    assert "on its holdout was kept without the probabilities" in str(old.reason)


OWN = """
def gain(labels, answers):
    return float(((answers == "yes") * ((labels == "yes") * 10.0 - 3)).mean())

def top(came, probabilities):
    return float(came[probabilities.argsort()[-len(came) // 10:]].mean())

def far(numbers, answers):
    return float(abs(numbers - answers).max())

def lost(numbers, answers):
    return float("nan")
"""


def own(folder: Path, function: str, task: str = "classification", **rule: Any) -> ModelDefinition:
    (folder / "training.py").write_text(OWN)
    raw = {"name": "fruit", "task": task, "target": "ripe", "features": {"size": {"type": "float"}}}
    rule = {"metric": f"training:{function}", "greater_is_better": True} | rule
    return ModelDefinition.model_validate({**raw, "evaluation": rule}).found_in(folder)


@pytest.mark.parametrize(("function", "takes"), [("gain", "answers"), ("top", "probabilities")])
def test_a_function_of_the_users_decides(tmp_path: Path, function: str, takes: str) -> None:
    definition = own(tmp_path, function, metric_input=takes)
    measure, classes = measure_of(definition), ("no", "yes")
    assert (definition.metric, measure.more_is_better) == (function, True)
    true, *good = scores(2.0)
    bad = scores(0.0)[1:]
    truth = measure.truth(true, classes)
    sides = [measure.answers(side[0], side[1], classes) for side in (bad, good)]
    old, new = resample(measure, truth, sides[0], sides[1], classes, resamples=200)
    low, high = np.quantile(old, [0.02, 0.98])
    assert low < measure.score(truth, sides[0], classes) < high
    assert (new > old).mean() > 0.95

    def table(quality: float, seed: int) -> pa.Table:
        return pa.table(
            dict(zip(("label", "model_output", "confidence"), scores(quality, seed), strict=True))
        )

    assert measure_degradation(definition, table(0.0, 2), table(2.0, 1)).p_value < 0.01
    assert measure_degradation(definition, table(2.0, 3), table(2.0, 1)).p_value > 0.01


def test_a_function_of_numbers_that_should_be_small(tmp_path: Path) -> None:
    measure = measure_of(own(tmp_path, "far", "regression", greater_is_better=False))
    true, said = numbers(5)
    assert not measure.more_is_better
    assert measure.score(true, said) == pytest.approx(np.abs(true - said).max())


def test_faults_of_a_function_are_told(tmp_path: Path) -> None:
    rows = np.ones(3)
    with pytest.raises(EvergreenError, match=r"training.py: lost gave nan for 3 rows"):
        measure_of(own(tmp_path, "lost", "regression")).score(rows, rows)
    with pytest.raises(EvergreenError, match="far failed on 3 rows: UFuncTypeError"):
        measure_of(own(tmp_path, "far", "regression")).score(rows, np.array(["a"] * 3))
    with pytest.raises(ModelDefinitionError, match="has no function loss"):
        measure_of(own(tmp_path, "loss"))
    with pytest.raises(ModelDefinitionError, match=r"business.py: file not found"):
        measure_of(own(tmp_path, "gain", metric="business:gain"))


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"metric": "training:gain"}, "greater_is_better = true or false"),
        ({"metric": "f1", "greater_is_better": True}, "is for a function of yours"),
        ({"metric": "f1", "metric_input": "probabilities"}, "is for a function of yours"),
        ({"metric": "training:f1", "greater_is_better": True}, "f1 is a metric already"),
        ({"metric": "auc"}, "there is no metric 'auc'"),
        ({"metric": "roc_auc", "threshold": "tuned"}, "a threshold changes no probability"),
    ],
    ids=["no direction", "direction of f1", "input of f1", "name", "unknown", "tuned"],
)
def test_a_metric_that_says_too_little_is_refused(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Evaluation.model_validate(rule)
