from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from evergreen.evaluation.measure import F1
from evergreen.evaluation.metrics import rmse
from tests.support.made_up_predictions import gains_f1, gains_rmse, predictions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def test_drawing_counts_is_drawing_rows() -> None:
    ground_truth, champion, challenger = predictions(
        seed=1, rows=300, champion=0.75, challenger=0.8
    )
    fast = gains_f1(ground_truth, champion, challenger, ["0", "1"], resamples=4000)
    random = np.random.default_rng(2)
    slow = np.array(
        [
            F1.score(ground_truth[rows], challenger[rows], ["0", "1"])
            - F1.score(ground_truth[rows], champion[rows], ["0", "1"])
            for rows in random.integers(300, size=(1500, 300))
        ]
    )
    error = slow.std() / math.sqrt(1500)
    assert fast.mean() == pytest.approx(slow.mean(), abs=4 * error)
    assert fast.std() == pytest.approx(slow.std(), rel=0.1)


def test_the_interval_of_rmse_is_as_wide_as_theory_says() -> None:
    random = np.random.default_rng(3)
    ground_truth = random.normal(size=2000)
    champion, challenger = (
        ground_truth + random.normal(size=2000),
        ground_truth + random.normal(size=2000),
    )
    improvements = gains_rmse(ground_truth, champion, challenger, resamples=2000)
    # The RMSE of n normal errors has a standard deviation of sigma / sqrt(2 n).
    assert improvements.std() == pytest.approx(math.sqrt(2 / (2 * 2000)), rel=0.15)


def forecasts(seed: int, rows: int, memory: float) -> list[NDArray[np.float64]]:
    """Return ground truth and two equally good models whose errors remember those before."""
    random = np.random.default_rng(seed)
    shocks = random.normal(size=(2, rows))
    errors = np.zeros((2, rows))
    for step in range(rows):
        before = errors[:, step - 1] if step else 0.0
        errors[:, step] = memory * before + shocks[:, step]
    ground_truth = np.zeros(rows)
    return [ground_truth, ground_truth + errors[0], ground_truth + errors[1]]


def test_where_errors_last_drawing_blocks_is_as_unsure_as_history_repeated() -> None:
    # The truth about the spread: many histories, not many draws from one.
    rows, memory = 400, 0.9
    histories = [forecasts(seed, rows, memory) for seed in range(400)]
    spread = np.std(
        [rmse(ground_truth, old) - rmse(ground_truth, new) for ground_truth, old, new in histories]
    )
    seen = histories[:40]
    alone, together = (
        np.mean([gains_rmse(*one, block=block, resamples=200).std() for one in seen])
        for block in (1, 40)
    )
    assert alone < 0.5 * spread
    assert 0.7 * spread < together < 1.2 * spread


def test_blocks_keep_neighbours_together() -> None:
    # One row in ten is wrong, ten apart: every block of ten holds exactly one of them.
    ground_truth = np.zeros(100)
    champion = np.where(np.arange(100) % 10 == 0, 1.0, 0.0)
    assert gains_rmse(ground_truth, champion, ground_truth, block=1, resamples=50).std() > 0
    assert gains_rmse(
        ground_truth, champion, ground_truth, block=10, resamples=50
    ) == pytest.approx(math.sqrt(0.1))


def test_drawing_in_pieces_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(4)
    ground_truth, champion, challenger = random.normal(size=(3, 50))
    at_once = gains_rmse(ground_truth, champion, challenger, resamples=37)
    monkeypatch.setattr("evergreen.evaluation.bootstrap._DRAWS_AT_ONCE", 170)
    assert gains_rmse(ground_truth, champion, challenger, resamples=37) == pytest.approx(at_once)


def test_the_same_seed_gives_the_same_verdict() -> None:
    ground_truth, champion, challenger = predictions(
        seed=5, rows=200, champion=0.7, challenger=0.72
    )
    first, second, other = (
        gains_f1(ground_truth, champion, challenger, ["0", "1"], seed=seed) for seed in (7, 7, 8)
    )
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


DRAWS = 10_000
# Each end of a 95 % interval is a quantile of the draws. Its standard error is
# sqrt(q (1 - q) / draws) / density: 0.027 standard deviations where the draws are about normal.
# Two independent sets of draws differ by sqrt(2) of that; the tests allow four such errors.
MONTE_CARLO = 4 * math.sqrt(2 * 0.025 * 0.975 / DRAWS) / stats.norm.pdf(stats.norm.ppf(0.025))


def scipy_interval(improvement: Callable[..., Any], *sides: NDArray[Any]) -> tuple[float, float]:
    """Return scipy's percentile interval of 95 %, drawing the rows of all sides together."""
    found = stats.bootstrap(
        sides,
        improvement,
        paired=True,
        vectorized=True,
        n_resamples=DRAWS,
        batch=1000,
        method="percentile",
        rng=np.random.default_rng(11),
    ).confidence_interval
    return float(found.low), float(found.high)


def test_the_interval_of_a_difference_of_rmse_is_scipys() -> None:
    random = np.random.default_rng(6)
    shared, *own = random.normal(size=(3, 400))  # both models err on the same rows
    ground_truth = random.normal(size=400)
    champion, challenger = ground_truth + shared + own[0], ground_truth + shared + 0.9 * own[1]

    def improvement(*sides: Any, axis: int) -> Any:
        true, old, new = sides
        before, after = (np.sqrt(np.mean((true - side) ** 2, axis=axis)) for side in (old, new))
        return before - after

    draws = gains_rmse(ground_truth, champion, challenger, resamples=DRAWS)
    expected = scipy_interval(improvement, ground_truth, champion, challenger)
    assert np.quantile(draws, [0.025, 0.975]) == pytest.approx(
        expected, abs=MONTE_CARLO * draws.std()
    )


def test_the_interval_of_a_difference_of_f1_is_scipys() -> None:
    sides = predictions(seed=7, rows=400, champion=0.75, challenger=0.8)

    def improvement(*sides: Any, axis: int) -> Any:
        true, old, new = sides
        before, after = (
            2 * (true & side).sum(axis=axis) / (true.sum(axis=axis) + side.sum(axis=axis))
            for side in (old, new)
        )
        return after - before

    draws = gains_f1(*sides, ["0", "1"], resamples=DRAWS)
    expected = scipy_interval(improvement, *(side == "1" for side in sides))
    assert np.quantile(draws, [0.025, 0.975]) == pytest.approx(
        expected, abs=MONTE_CARLO * draws.std()
    )
