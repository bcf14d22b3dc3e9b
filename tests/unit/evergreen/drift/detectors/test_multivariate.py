"""The joint test sees what single features cannot, and stays quiet where nothing moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from evergreen.drift.detectors.multivariate import compare_jointly
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    from evergreen.columns import Columns


ALPHA = 0.025
NUMBERS = {f"x{index}": Feature(type="float") for index in range(4)}
MIXED = NUMBERS | {"city": Feature(type="category"), "member": Feature(type="boolean")}


def normal(rng: np.random.Generator, rows: int, correlation: float = 0.0) -> Columns:
    columns = {name: rng.normal(size=rows).astype(np.float32) for name in NUMBERS}
    noise = np.sqrt(1 - correlation**2) * columns["x1"]
    columns["x1"] = (correlation * columns["x0"] + noise).astype(np.float32)
    return columns


def mixed(rng: np.random.Generator, rows: int) -> Columns:
    cities = np.array([f"c{index}" for index in range(40)], dtype=object)
    return normal(rng, rows) | {
        "city": cities[rng.integers(0, 40, rows)],
        "member": (rng.random(rows) < 0.5).astype(np.float32),
    }


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_nothing_moved(rng: np.random.Generator) -> None:
    alarms = 0
    for _ in range(6):
        test = compare_jointly(MIXED, mixed(rng, 400), mixed(rng, 150), alpha=ALPHA)
        assert test.rows_per_side == 150
        assert not (test.drifted and test.top_features == ())
        alarms += test.drifted
    assert alarms <= 1  # two or more of six at 2.5 %: one in a hundred such seeds


def test_a_shift_in_correlation_alone(rng: np.random.Generator) -> None:
    test = compare_jointly(NUMBERS, normal(rng, 1000), normal(rng, 1000, 0.8), alpha=ALPHA)
    assert test.drifted
    assert test.model_accuracy is not None
    assert test.threshold is not None
    assert test.model_accuracy > test.threshold >= 0.525
    assert test.p_value is not None
    assert test.p_value < ALPHA
    assert {item.feature_name for item in test.top_features[:2]} == {"x0", "x1"}


def test_exclusive_or_of_two_booleans(rng: np.random.Generator) -> None:
    features = {"a": Feature(type="boolean"), "b": Feature(type="boolean")}

    def pairs(agreement: float) -> Columns:
        first = rng.random(800) < 0.5
        second = np.where(rng.random(800) < agreement, first, ~first)
        return {"a": first.astype(np.float32), "b": second.astype(np.float32)}

    assert compare_jointly(features, pairs(0.5), pairs(0.8), alpha=ALPHA).drifted


def test_the_category_that_gave_it_away_is_named(rng: np.random.Generator) -> None:
    reference, window = mixed(rng, 600), mixed(rng, 600)
    window["city"][:150] = "new"
    test = compare_jointly(MIXED, reference, window, alpha=ALPHA)
    assert test.drifted
    assert test.top_features[0].feature_name == "city"
    assert sum(item.importance for item in test.top_features) == pytest.approx(1, abs=0.2)


def test_missing_values_infinities_and_outliers_are_only_values(rng: np.random.Generator) -> None:
    reference, window = normal(rng, 300), normal(rng, 300)
    window["x0"][:3] = np.nan, np.inf, 3e38
    reference["x1"][:] = np.nan
    window["x1"][:] = np.nan
    assert compare_jointly(NUMBERS, reference, window, alpha=ALPHA).model_accuracy is not None


def test_the_same_rows_give_the_same_numbers(rng: np.random.Generator) -> None:
    reference, window = normal(rng, 200), normal(rng, 100)
    first, second = (compare_jointly(NUMBERS, reference, window, alpha=ALPHA) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("reference_rows", "window_rows"), [(500, 0), (0, 500), (500, 1), (1, 1)])
def test_too_few_rows_is_a_reason(
    rng: np.random.Generator, reference_rows: int, window_rows: int
) -> None:
    test = compare_jointly(
        NUMBERS, normal(rng, reference_rows), normal(rng, window_rows), alpha=ALPHA
    )
    assert not test.drifted
    assert test.reason == "fewer than 20 rows on one side"


def test_no_feature_that_varies_is_a_reason() -> None:
    constant = {"x0": np.ones(100, dtype=np.float32)}
    test = compare_jointly({"x0": Feature(type="float")}, constant, constant, alpha=ALPHA)
    assert test.reason == "no feature varies"


def test_a_feature_kept_out_of_the_log_gives_nothing_away(rng: np.random.Generator) -> None:
    reference, window = normal(rng, 200), normal(rng, 200)
    window["x0"][:] = np.nan
    arguments = (NUMBERS, reference, window)
    assert compare_jointly(*arguments, alpha=ALPHA).drifted
    assert not compare_jointly(*arguments, alpha=ALPHA, unlogged=frozenset({"x0"})).drifted
