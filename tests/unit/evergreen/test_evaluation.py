from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from evergreen.evaluation import (
    Comparison,
    block_length,
    f1_score,
    judge,
    resample_f1,
    resample_rmse,
    rmse,
)
from evergreen.model_definition import Evaluation, Feature, Forecast, ModelDefinition

if TYPE_CHECKING:
    from numpy.typing import NDArray


def definition(**rule: Any) -> ModelDefinition:
    return ModelDefinition(
        name="fruit",
        task="classification",
        target="ripe",
        features={"size": Feature(type="float")},
        evaluation=Evaluation(**rule),
    )


def labels(values: Any) -> NDArray[np.object_]:
    return np.array(values, dtype=object)


PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


@given(PAIRS)
def test_macro_f1_is_scikit_learns(pairs: list[tuple[Any, Any]]) -> None:
    truth, predicted = map(labels, zip(*pairs, strict=True))
    expected = metrics.f1_score(
        truth, predicted, labels=list("abc"), average="macro", zero_division=0
    )
    assert f1_score(truth, predicted, "abc") == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from("01"), st.sampled_from("01")), min_size=1))
def test_binary_f1_is_that_of_the_last_class(pairs: list[tuple[Any, Any]]) -> None:
    truth, predicted = map(labels, zip(*pairs, strict=True))
    expected = metrics.f1_score(truth, predicted, pos_label="1", zero_division=0, labels=["0", "1"])
    assert f1_score(truth, predicted, ["0", "1"]) == pytest.approx(expected)


def test_a_holdout_of_one_class_is_still_scored_on_the_positive_one() -> None:
    assert f1_score(labels(["0", "0"]), labels(["0", "0"]), ["0", "1"]) == 0
    assert f1_score(labels(["0", "0"]), labels(["0", "0"]), ["0"]) == 1


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1))
def test_rmse_is_scikit_learns(pairs: list[tuple[Any, Any]]) -> None:
    truth, predicted = np.array(pairs).T
    assert rmse(truth, predicted) == pytest.approx(
        metrics.root_mean_squared_error(truth, predicted)
    )


def answers(seed: int, rows: int, champion: float, challenger: float) -> list[NDArray[Any]]:
    """Return a truth and two models that are right with the given probabilities."""
    random = np.random.default_rng(seed)
    truth = random.random(rows) < 0.3
    wrong = [random.random(rows) > right for right in (champion, challenger)]
    return [
        labels(np.where(side, "1", "0")) for side in (truth, truth ^ wrong[0], truth ^ wrong[1])
    ]


def test_drawing_counts_is_drawing_rows() -> None:
    truth, champion, challenger = answers(seed=1, rows=300, champion=0.75, challenger=0.8)
    fast = resample_f1(truth, champion, challenger, ["0", "1"], resamples=4000)
    random = np.random.default_rng(2)
    slow = np.array(
        [
            f1_score(truth[rows], challenger[rows], ["0", "1"])
            - f1_score(truth[rows], champion[rows], ["0", "1"])
            for rows in random.integers(300, size=(1500, 300))
        ]
    )
    error = slow.std() / math.sqrt(1500)
    assert fast.mean() == pytest.approx(slow.mean(), abs=4 * error)
    assert fast.std() == pytest.approx(slow.std(), rel=0.1)


def test_the_interval_of_rmse_is_as_wide_as_theory_says() -> None:
    random = np.random.default_rng(3)
    truth = random.normal(size=2000)
    champion, challenger = truth + random.normal(size=2000), truth + random.normal(size=2000)
    improvements = resample_rmse(truth, champion, challenger, resamples=2000)
    # The RMSE of n normal errors has a standard deviation of sigma / sqrt(2 n).
    assert improvements.std() == pytest.approx(math.sqrt(2 / (2 * 2000)), rel=0.15)


def forecasts(seed: int, rows: int, memory: float) -> list[NDArray[np.float64]]:
    """Return a truth and two equally good models whose errors remember those before."""
    random = np.random.default_rng(seed)
    shocks = random.normal(size=(2, rows))
    errors = np.zeros((2, rows))
    for step in range(rows):
        before = errors[:, step - 1] if step else 0.0
        errors[:, step] = memory * before + shocks[:, step]
    truth = np.zeros(rows)
    return [truth, truth + errors[0], truth + errors[1]]


def test_where_errors_last_drawing_blocks_is_as_unsure_as_history_repeated() -> None:
    # The truth about the spread: many histories, not many draws from one.
    rows, memory = 400, 0.9
    histories = [forecasts(seed, rows, memory) for seed in range(400)]
    spread = np.std([rmse(truth, old) - rmse(truth, new) for truth, old, new in histories])
    seen = histories[:40]
    alone, together = (
        np.mean([resample_rmse(*one, block=block, resamples=200).std() for one in seen])
        for block in (1, 40)
    )
    assert alone < 0.5 * spread
    assert 0.7 * spread < together < 1.2 * spread


def test_blocks_keep_neighbours_together() -> None:
    # One row in ten is wrong, ten apart: every block of ten holds exactly one of them.
    truth = np.zeros(100)
    champion = np.where(np.arange(100) % 10 == 0, 1.0, 0.0)
    assert resample_rmse(truth, champion, truth, block=1, resamples=50).std() > 0
    assert resample_rmse(truth, champion, truth, block=10, resamples=50) == pytest.approx(
        math.sqrt(0.1)
    )


def test_a_block_is_a_horizon_or_a_cube_root_and_at_most_half() -> None:
    values = definition().model_dump() | {"task": "time_series"}
    values["forecast"] = Forecast(horizon=7, seasonal_naive="size")
    series = ModelDefinition.model_validate(values)
    lengths = {rows: block_length(series, rows) for rows in (1, 10, 180, 1000, 8000)}
    assert lengths == {1: 1, 10: 5, 180: 7, 1000: 10, 8000: 20}
    assert block_length(definition(), 8000) == 1


def test_drawing_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    truth, champion, challenger = random.normal(size=(3, 50))
    at_once = resample_rmse(truth, champion, challenger, resamples=37)
    monkeypatch.setattr("evergreen.evaluation._DRAWS_AT_ONCE", 170)
    assert resample_rmse(truth, champion, challenger, resamples=37) == pytest.approx(at_once)


def test_the_same_seed_gives_the_same_verdict() -> None:
    truth, champion, challenger = answers(seed=5, rows=200, champion=0.7, challenger=0.72)
    first, second, other = (
        resample_f1(truth, champion, challenger, ["0", "1"], seed=seed) for seed in (7, 7, 8)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


def verdict(seed: int, champion: float, challenger: float, **rule: Any) -> Comparison:
    truth, old, new = answers(seed, 1000, champion, challenger)
    improvements = resample_f1(truth, old, new, ["0", "1"], resamples=500)
    return judge(
        definition(**rule),
        f1_score(truth, old, ["0", "1"]),
        f1_score(truth, new, ["0", "1"]),
        improvements,
        rows=1000,
    )


def test_a_clearly_better_challenger_is_promoted_and_a_worse_one_is_not() -> None:
    better = verdict(1, champion=0.7, challenger=0.85)
    assert better.decision == "promote"
    assert better.interval is not None
    assert better.interval[0] > 0
    worse = verdict(1, champion=0.85, challenger=0.7)
    assert worse.decision == "reject"
    assert "short of 0.95" in worse.reason


def test_equal_models_are_rarely_swapped() -> None:
    # Two models of the same skill: each has a 5 % chance of passing at confidence 0.95.
    promoted = sum(verdict(seed, 0.75, 0.75).decision == "promote" for seed in range(200))
    assert promoted <= 20


def test_a_tie_keeps_the_champion() -> None:
    truth, champion, _ = answers(seed=6, rows=100, champion=0.8, challenger=0.8)
    improvements = resample_f1(truth, champion, champion, ["0", "1"])
    tie = judge(definition(), 0.8, 0.8, improvements, rows=100)
    assert tie.decision == "reject"
    assert tie.probability_better == 0
    assert tie.interval == (0, 0)


def test_an_improvement_smaller_than_asked_for_is_not_enough() -> None:
    assert verdict(2, 0.7, 0.85).decision == "promote"
    refused = verdict(2, 0.7, 0.85, min_improvement=0.5)
    assert refused.decision == "reject"
    assert "better by more than 0.5 with probability 0.000" in refused.reason
