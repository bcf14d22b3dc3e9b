"""Histograms as text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cli.shared.histograms import MISSING_BAR, OTHER_BAR, bar, columns, of_categories, of_numbers

SIDES = arrays(np.float32, st.integers(0, 40), elements=st.floats(width=32))


@given(SIDES, SIDES, st.integers(1, 60))
def test_shares_of_numbers_add_up_on_each_side(
    reference: np.ndarray, window: np.ndarray, bins: int
) -> None:
    found = of_numbers(reference, window, bins)
    for side, shares, missing in zip(
        (reference, window), (found.reference, found.window), found.missing, strict=True
    ):
        there = np.isfinite(side).sum()
        assert len(shares) == bins
        assert sum(shares) == pytest.approx(1 if there else 0)
        assert missing * max(side.size, 1) == pytest.approx(side.size - there if side.size else 1)


def test_a_shift_moves_the_columns_and_the_median() -> None:
    low, high = np.linspace(0, 1, 100), np.linspace(2, 3, 100)
    found = of_numbers(low, np.append(high, np.nan), 3)
    assert found.reference[2] == found.window[0] == 0
    assert list(found.medians) == pytest.approx([0.5, 2.5])
    assert list(found.missing) == pytest.approx([0, 1 / 101])


def test_a_constant_has_a_bin_of_its_own() -> None:
    found = of_numbers(np.ones(5), np.ones(7), 3)
    assert found.reference == found.window == (0, 1, 0)


def test_one_outlier_does_not_squeeze_the_rest_into_one_bin() -> None:
    values = np.append(np.linspace(0, 1, 1000), 1e9)
    found = of_numbers(values, values, 10)
    assert min(found.reference) > 0.05
    assert sum(found.reference) == pytest.approx(1)


def test_categories_that_changed_most_come_first_and_the_rest_is_one() -> None:
    reference = np.array(["a"] * 5 + ["b"] * 4 + ["c"] * 1, dtype=object)
    window = np.array(["a"] * 1 + ["b"] * 4 + [""] * 5, dtype=object)
    found = of_categories(reference, window, 2)
    assert found.names == (MISSING_BAR, "a", OTHER_BAR)
    assert found.reference == pytest.approx((0, 0.5, 0.5))
    assert found.window == pytest.approx((0.5, 0.1, 0.4))


def test_columns_grow_with_their_share_and_only_nothing_is_blank() -> None:
    assert columns((0, 1e-9, 0.25, 0.5, 1), 1) == " ▁▃▅█"


@given(st.floats(0, 1), st.integers(1, 40))
def test_bar_fits_and_is_seen_unless_there_is_nothing(share: float, width: int) -> None:
    drawn = bar(share, 1, width)
    assert len(drawn) <= width
    assert bool(drawn) == (share > 0)
    assert bar(1, 1, width) == "█" * width
    assert bar(0.5, 1, 4) == "██"
