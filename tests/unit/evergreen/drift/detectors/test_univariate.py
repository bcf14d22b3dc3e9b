"""Every feature gets a verdict or a reason, and the verdict is about the feature that moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats

from evergreen.drift.detectors import univariate
from evergreen.drift.detectors.univariate import compare_features
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.columns import Columns
    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.log import UnivariateTest


FEATURES = {
    "amount": Feature(type="float"),
    "hour": Feature(type="integer"),
    "age": Feature(type="float", nullable=True),
    "member": Feature(type="boolean"),
    "city": Feature(type="category"),
}
ALPHA = 0.025


def draw(rng: np.random.Generator, rows: int) -> Columns:
    return {
        "amount": rng.normal(size=rows).astype(np.float32),
        "hour": rng.integers(0, 24, rows).astype(np.float32),
        "age": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(size=rows)).astype(np.float32),
        "member": (rng.random(rows) < 0.3).astype(np.float32),
        "city": np.array(["Ham", "Eli", "Ulm"], dtype=object)[rng.integers(0, 3, rows)],
    }


def by_feature(outcome: UnivariateResult) -> dict[tuple[str, str], UnivariateTest]:
    return {(test.feature_name, test.method): test for test in outcome.tests}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(11)


def test_nothing_moved(rng: np.random.Generator) -> None:
    outcome = compare_features(FEATURES, draw(rng, 3000), draw(rng, 500), alpha=ALPHA)
    assert outcome.drifted_features == ()
    assert [(test.feature_name, test.method) for test in outcome.tests] == [
        ("amount", "ks"),
        ("hour", "ks"),
        ("age", "ks"),
        ("age", "missing_rate"),
        ("member", "chi_square_two_sample"),
        ("city", "chi_square_two_sample"),
    ]


def test_p_values_are_those_of_scipy(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 3000), draw(rng, 500)
    tests = by_feature(compare_features(FEATURES, reference, window, alpha=ALPHA))
    amount = tests["amount", "ks"]
    expected = stats.ks_2samp(
        reference["amount"].astype(np.float64), window["amount"].astype(np.float64)
    )
    assert amount.p_value == pytest.approx(expected.pvalue)
    assert amount.effect_size == pytest.approx(expected.statistic)
    missing = [[np.isnan(side["age"]).sum() for side in (reference, window)]]
    missing.append([np.isfinite(side["age"]).sum() for side in (reference, window)])
    age = tests["age", "missing_rate"]
    assert age.p_value == pytest.approx(stats.fisher_exact(missing).pvalue)


@pytest.mark.parametrize(
    ("feature", "method", "move"),
    [
        ("amount", "ks", lambda values: values + 0.5),
        ("member", "chi_square_two_sample", np.ones_like),
        (
            "city",
            "chi_square_two_sample",
            lambda values: np.where(values == "Ulm", "Bonn", values).astype(object),
        ),
        (
            "age",
            "missing_rate",
            lambda values: np.where(np.arange(values.size) % 3, values, np.nan),
        ),
    ],
)
def test_what_moved_is_named_and_nothing_else(
    rng: np.random.Generator, feature: str, method: str, move: Callable[[Any], Any]
) -> None:
    reference, window = draw(rng, 3000), draw(rng, 500)
    window[feature] = move(window[feature])
    outcome = compare_features(FEATURES, reference, window, alpha=ALPHA)
    assert outcome.drifted_features == (feature,)
    moved = by_feature(outcome)[feature, method]
    assert moved.drifted
    assert moved.p_value_corrected is not None
    assert moved.p_value_corrected < moved.threshold == ALPHA
    assert moved.effect_size is not None
    assert moved.effect_size >= moved.effect_threshold


def test_a_significant_but_negligible_shift_is_not_drift(rng: np.random.Generator) -> None:
    features = {"amount": Feature(type="float")}
    reference, window = rng.normal(size=40_000), rng.normal(0.05, 1, 40_000)
    (test,) = compare_features(
        features, {"amount": reference}, {"amount": window}, alpha=ALPHA
    ).tests
    assert test.p_value_corrected is not None
    assert test.p_value_corrected < 1e-4
    assert not test.drifted


def test_an_infinite_value_counts_as_missing(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 3000), draw(rng, 500)
    window["amount"][:200] = np.inf
    tests = by_feature(compare_features(FEATURES, reference, window, alpha=ALPHA))
    assert tests["amount", "missing_rate"].drifted
    assert not tests["amount", "ks"].drifted


@pytest.mark.parametrize("rows", [1, 2])
def test_a_window_of_one_row_is_tested(rng: np.random.Generator, rows: int) -> None:
    outcome = compare_features(FEATURES, draw(rng, 3000), draw(rng, rows), alpha=ALPHA)
    assert {test.feature_name for test in outcome.tests} == set(FEATURES)
    assert outcome.drifted_features == ()


@pytest.mark.parametrize(("reference_rows", "window_rows"), [(100, 0), (0, 100), (0, 0)])
def test_no_rows_is_a_reason(
    rng: np.random.Generator, reference_rows: int, window_rows: int
) -> None:
    outcome = compare_features(
        FEATURES, draw(rng, reference_rows), draw(rng, window_rows), alpha=ALPHA
    )
    assert outcome.evidently is None
    assert all(test.reason and "has no rows" in test.reason for test in outcome.tests)
    assert {test.feature_name for test in outcome.tests} == set(FEATURES)


def test_all_missing_in_the_window_drifts_by_its_missing_rate(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 3000), draw(rng, 500)
    window["age"][:] = np.nan
    window["city"][:] = ""
    outcome = compare_features(FEATURES, reference, window, alpha=ALPHA)
    assert outcome.drifted_features == ("age", "city")
    tests = by_feature(outcome)
    assert tests["age", "ks"].reason == "every value is missing in the window"
    assert tests["city", "chi_square_two_sample"].p_value is None


def test_missing_everywhere_and_constant_are_reasons(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 300), draw(rng, 50)
    for side in (reference, window):
        side["age"][:] = np.nan
        side["hour"][:] = 7
        side["city"][:] = "Ulm"
    tests = by_feature(compare_features(FEATURES, reference, window, alpha=ALPHA))
    assert tests["age", "ks"].reason == "every value is missing in the reference"
    assert tests["age", "missing_rate"].reason == "every value is missing on both sides"
    for key in (("hour", "ks"), ("city", "chi_square_two_sample")):
        assert tests[key].reason == "constant: one and the same value on both sides"


def test_another_constant_is_drift(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 300), draw(rng, 50)
    reference["hour"][:] = 7
    window["hour"][:] = 8
    outcome = compare_features(FEATURES, reference, window, alpha=ALPHA)
    assert outcome.drifted_features == ("hour",)


def test_values_at_the_ends_of_float32(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 300), draw(rng, 50)
    window["amount"][:2] = np.finfo(np.float32).max, np.finfo(np.float32).min
    tests = by_feature(compare_features(FEATURES, reference, window, alpha=ALPHA))
    assert tests["amount", "ks"].p_value is not None


def test_every_category_unique(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 3000), draw(rng, 500)
    for start, side in ((0, reference), (9000, window)):
        ids = range(start, start + side["city"].size)
        side["city"] = np.array([f"id-{number}" for number in ids], dtype=object)
    tests = by_feature(compare_features(FEATURES, reference, window, alpha=ALPHA))
    assert tests["city", "chi_square_two_sample"].p_value is not None


def test_a_feature_kept_out_of_the_log_is_not_called_missing(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 300), draw(rng, 50)
    window["age"][:] = np.nan
    outcome = compare_features(
        FEATURES, reference, window, alpha=ALPHA, unlogged=frozenset({"age"})
    )
    assert outcome.drifted_features == ()
    reason = by_feature(outcome)["age", "ks"].reason
    assert reason is not None
    assert "redact" in reason


def test_above_the_cap_a_sample_is_tested(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(univariate, "DRIFT_ROW_CAP", 400)
    reference, window = draw(rng, 3000), draw(rng, 900)
    outcomes = [compare_features(FEATURES, reference, window, alpha=ALPHA) for _ in range(2)]
    assert outcomes[0].tests == outcomes[1].tests
    amount = by_feature(outcomes[0])["amount", "ks"]
    assert amount.p_value != stats.ks_2samp(reference["amount"], window["amount"]).pvalue


def test_evidentlys_page_needs_no_network(rng: np.random.Generator) -> None:
    outcome = compare_features(FEATURES, draw(rng, 300), draw(rng, 50), alpha=ALPHA)
    assert outcome.evidently is not None
    page = outcome.evidently.html()
    assert "amount" in page
    assert '<script src="http' not in page
    assert '<link rel="stylesheet" href="http' not in page
