"""The statistics against scipy, against their definitions, and under the null hypothesis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evergreen.drift.detectors import statistics
from evergreen.drift.detectors.statistics import category_counts, holm, homogeneity, ks_distance

if TYPE_CHECKING:
    from random import Random

    from numpy.typing import NDArray


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


def test_holm_of_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(P_VALUES)
def test_holm_is_that_of_statsmodels(p_values: list[float]) -> None:
    with patch("gc.collect"):  # statsmodels calls it each time, and it takes most of the time
        expected = multipletests(p_values, method="holm")[1]
    assert holm(p_values) == pytest.approx(expected)


@given(P_VALUES)
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    corrected = holm(p_values)
    assert (corrected >= np.array(p_values)).all()
    assert (corrected <= 1).all()
    assert (np.diff(corrected[np.argsort(p_values, kind="stable")]) >= 0).all()


@given(P_VALUES, st.floats(0.001, 0.2))
def test_holm_rejects_all_that_bonferroni_rejects(p_values: list[float], alpha: float) -> None:
    by_bonferroni = np.array(p_values) * len(p_values) < alpha
    assert (holm(p_values)[by_bonferroni] < alpha).all()


@given(P_VALUES, st.randoms())
def test_holm_does_not_depend_on_the_order(p_values: list[float], random: Random) -> None:
    order = list(range(len(p_values)))
    random.shuffle(order)
    shuffled = holm([p_values[index] for index in order])
    assert shuffled == pytest.approx(holm(p_values)[order])


def test_no_tests_have_no_corrected_p_values() -> None:
    assert holm([]).size == 0


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
    st.lists(st.integers(-5, 5), min_size=1, max_size=30),
)
def test_ks_distance_is_the_largest_gap_between_the_shares_up_to_any_value(
    left: Any, right: Any
) -> None:
    first, second = np.array(left, dtype=float), np.array(right, dtype=float)
    gaps = [abs((first <= value).mean() - (second <= value).mean()) for value in range(-5, 6)]
    assert ks_distance(first, second) == pytest.approx(max(gaps))


def test_ks_distance_is_scipys_statistic() -> None:
    rng = np.random.default_rng(2)
    left, right = rng.normal(size=300), rng.normal(0.2, 1, 500)
    assert ks_distance(left, right) == pytest.approx(stats.ks_2samp(left, right).statistic)


@given(
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40),
    st.lists(st.sampled_from("abcdef"), min_size=1, max_size=40),
)
def test_counts_hold_every_row_once_and_no_empty_cell(left: Any, right: Any) -> None:
    counts = category_counts(np.array(left, dtype=object), np.array(right, dtype=object))
    assert counts.sum(axis=1).tolist() == [len(left), len(right)]
    assert counts.sum(axis=0).min() > 0
    assert 0 <= statistics.total_variation(counts) <= 1


def test_rare_categories_share_the_last_cell() -> None:
    values = np.array([f"v{number}" for number in range(500)] + ["common"] * 50, dtype=object)
    counts = category_counts(values, values)
    assert counts.shape == (2, statistics.MAX_CELLS)
    assert counts[:, 0].tolist() == [50, 50]
    assert counts.sum(axis=1).tolist() == [550, 550]


def test_total_variation_is_the_share_of_rows_that_moved() -> None:
    assert statistics.total_variation(np.array([[50, 50], [80, 20]])) == pytest.approx(0.3)


def test_large_counts_give_scipys_chi_square() -> None:
    counts = np.array([[400, 300, 300], [90, 60, 50]])
    expected = stats.chi2_contingency(counts, correction=False).pvalue
    assert homogeneity(counts, seed=0) == expected


def test_two_cells_give_fishers_exact_test() -> None:
    assert homogeneity(np.array([[8, 2], [1, 5]]), 0) == pytest.approx(0.0349650, abs=1e-6)


def test_one_cell_cannot_differ() -> None:
    assert homogeneity(np.array([[10], [20]]), seed=0) == 1.0


def test_resampling_agrees_with_chi_square_where_both_hold() -> None:
    counts = np.array([[400, 300, 300], [85, 65, 50]])
    rng = np.random.default_rng(3)
    asymptotic = stats.chi2_contingency(counts, correction=False).pvalue
    assert statistics._resampled(counts, rng) == pytest.approx(asymptotic, abs=0.02)


def test_resampling_of_a_tiny_table_matches_the_enumeration() -> None:
    # Two rows drawn out of a, a, b, c: only {a, a} is as far from expectation as itself; 1 in 6.
    counts = np.array([[0, 1, 1], [2, 0, 0]])
    assert homogeneity(counts, seed=1) == pytest.approx(1 / 3, abs=0.02)


def test_an_unseen_category_is_found() -> None:
    reference = np.array(["a"] * 500 + ["b"] * 500, dtype=object)
    window = np.array(["a"] * 80 + ["b"] * 80 + ["new"] * 40, dtype=object)
    assert homogeneity(category_counts(reference, window), seed=0) <= 1e-4


@pytest.mark.parametrize(("reference_rows", "window_rows"), [(1000, 50), (100, 400)])
def test_no_difference_no_alarms(reference_rows: int, window_rows: int) -> None:
    rng = np.random.default_rng(7)
    shares = 1 / np.arange(1, 31)
    shares /= shares.sum()
    alarms = 0
    for repetition in range(120):
        counts = np.stack([rng.multinomial(n, shares) for n in (reference_rows, window_rows)])
        counts = counts[:, counts.sum(axis=0) > 0]
        alarms += homogeneity(counts, seed=repetition) < 0.05
    assert alarms <= stats.binom.ppf(0.999, 120, 0.05)


@pytest.mark.parametrize(
    ("reference_rows", "window_rows", "kinds"),
    [(2000, 200, 5000), (300, 300, 100), (200, 1500, 300), (5000, 500, 2000)],
)
def test_rare_categories_that_are_new_by_chance_raise_no_alarm(
    reference_rows: int, window_rows: int, kinds: int
) -> None:
    rng = np.random.default_rng(5)
    weights = 1 / np.arange(1, kinds + 1)
    names = np.arange(kinds).astype(str).astype(object)
    alarms, worlds = 0, 200
    for _ in range(worlds):
        rows = names[rng.choice(kinds, reference_rows + window_rows, p=weights / weights.sum())]
        found = statistics.unseen_categories(rows[:reference_rows], rows[reference_rows:])
        alarms += found is not None and found[0] < 0.05
    # A rate of 0.05 gives more than 19 of 200 with probability 0.003.
    assert alarms <= 19


def test_the_probability_of_unseen_rows_is_that_of_shuffling_them() -> None:
    rng = np.random.default_rng(6)
    rows = rng.integers(0, 60, 150).astype(str).astype(object)
    observed = 14

    def unseen(shuffled: NDArray[np.object_]) -> int:
        return int((~np.isin(shuffled[100:].astype(str), shuffled[:100].astype(str))).sum())

    shuffles = np.array([unseen(rng.permutation(rows)) for _ in range(4000)])
    order = rng.permutation(rows)
    while unseen(order) != observed:
        order = rng.permutation(rows)
    found = statistics.unseen_categories(order[:100], order[100:])
    assert found is not None
    true = float((shuffles >= observed).mean())
    assert true - 0.01 <= found[0] <= true + 0.06  # it errs towards no alarm
    assert found[1] == pytest.approx(max(observed - shuffles.mean(), 0) / 50, abs=0.01)


def test_frequent_categories_have_no_test_of_unseen_ones() -> None:
    both = np.array(["a", "b"] * 200, dtype=object)
    assert statistics.unseen_categories(both, both[:100]) is None
