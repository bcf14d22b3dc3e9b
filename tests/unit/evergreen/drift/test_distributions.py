"""Distributions over common bins, and which of them are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evergreen.drift.distributions import (
    FEATURES,
    MISSING_BAR,
    OTHER_BAR,
    Numbers,
    distributions_key,
    most_changed,
    of_categories,
    of_feature,
    of_numbers,
    read_distributions,
)
from evergreen.drift.records import UnivariateTest
from evergreen.model_definition import Feature
from tests.support.watched_model import WatchedModel

if TYPE_CHECKING:
    from pathlib import Path

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


def test_of_a_text_only_its_length_is_told() -> None:
    texts = np.array(["a", "a secret", ""], dtype=object)
    found = of_feature(Feature(type="text"), texts, texts, 4, 4)
    assert isinstance(found, Numbers)


def a_test(name: str, effect: float | None, *, drifted: bool, method: str = "ks") -> UnivariateTest:
    return UnivariateTest(
        feature_name=name,
        method=method,
        drifted=drifted,
        p_value=0.1,
        p_value_corrected=0.1,
        threshold=0.025,
        effect_size=effect,
        effect_threshold=0.01 if method == "missing_rate" else 0.03,
    )


def test_each_feature_comes_once_with_the_test_that_says_most() -> None:
    tests = [
        a_test("still", 0.02, drifted=False),
        a_test("large", 0.3, drifted=True),
        a_test("gaps", 0.06, drifted=True),
        a_test("gaps", 0.05, drifted=True, method="missing_rate"),
        a_test("large_by_chance", 0.9, drifted=False),
        a_test("untested", None, drifted=False),
    ]
    found = [(test.feature_name, test.method) for test in most_changed(tests)]
    assert found == [
        ("large", "ks"),
        ("gaps", "missing_rate"),
        ("large_by_chance", "ks"),
        ("still", "ks"),
    ]


def test_a_check_keeps_the_distributions_of_what_it_compared(tmp_path: Path) -> None:
    model = WatchedModel(tmp_path)
    model.serve(400, shift=1.0)
    result = model.check()
    key = distributions_key(result.context.model, result.context.check_id)
    kept = read_distributions(model.storage, key)
    tested = [test.feature_name for test in most_changed(result.univariate.tests)]
    assert list(kept) == tested[:FEATURES]
    assert tested[0] == "size"
    size = kept["size"]
    assert size.reference != size.window
    for each in kept.values():
        for side in (each.reference, each.window):
            assert sum(side) == pytest.approx(1)
    assert read_distributions(model.storage, distributions_key("toy", "none")) == {}
