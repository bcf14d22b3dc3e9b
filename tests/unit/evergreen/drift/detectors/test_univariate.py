"""Every feature gets a verdict or a reason, and the verdict is about the feature that moved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from evergreen.drift.detectors import univariate
from evergreen.drift.detectors.univariate import compare_features
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.columns import Columns
    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.records import UnivariateTest


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


def one(
    feature: Feature, reference: Any, window: Any, alpha: float = ALPHA, **more: Any
) -> UnivariateResult:
    return compare_features({"x": feature}, {"x": reference}, {"x": window}, alpha=alpha, **more)


@pytest.mark.parametrize(("rows", "sampled"), [(399, False), (400, False), (401, True)])
def test_a_sample_is_drawn_only_above_the_cap(
    monkeypatch: pytest.MonkeyPatch, rows: int, sampled: bool
) -> None:
    monkeypatch.setattr(univariate, "DRIFT_ROW_CAP", 400)
    monkeypatch.setattr(univariate, "_chosen", univariate._chosen.__wrapped__)
    # Columns of one length lose the same rows.
    columns = {"x": np.arange(rows) + 0.5, "y": np.arange(rows) + 0.0}
    kept = {name: univariate._sample(values) for name, values in columns.items()}
    assert (kept["x"] - kept["y"] == 0.5).all()
    assert kept["y"].size == min(rows, 400)
    assert (kept["y"].size < rows) is sampled
    assert (np.diff(kept["y"]) > 0).all()
    features = {name: Feature(type="float") for name in columns}
    outcome = compare_features(features, columns, columns, alpha=ALPHA)
    assert [test.effect_size for test in outcome.tests] == [0, 0]
    assert outcome.evidently is not None
    assert {side.size for side in outcome.evidently.window.values()} == {min(rows, 400)}


def test_effects_are_distances_between_the_distributions() -> None:
    values = np.arange(100, dtype=np.float32)
    (ks,) = one(Feature(type="float"), values, values[50:]).tests
    assert ks.effect_size == pytest.approx(0.5)
    assert ks.effect_threshold == 0.03
    words = np.array(["a"] * 80 + ["b"] * 20, dtype=object)
    (chi,) = one(Feature(type="category"), words, words[::-1][:40]).tests
    assert chi.effect_size == pytest.approx(0.3)
    flags = (np.arange(100) < 20).astype(np.float32)
    (flag,) = one(Feature(type="boolean"), flags, flags[:40]).tests
    assert flag.method == "chi_square_two_sample"
    assert flag.effect_size == pytest.approx(0.3)
    gaps = np.where(np.arange(100) < 20, np.nan, values).astype(np.float32)
    missing = one(Feature(type="float", nullable=True), gaps, gaps[10:50]).tests[1]
    assert missing.effect_size == pytest.approx(0.05)
    assert missing.effect_threshold == 0.01


def test_an_effect_at_its_threshold_is_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(univariate.EFFECT_THRESHOLDS, "ks", 0.5)
    values = np.arange(200, dtype=np.float64)
    (test,) = one(Feature(type="float"), values, values[100:]).tests
    assert (test.effect_size, test.effect_threshold, test.drifted) == (0.5, 0.5, True)


def test_a_corrected_p_value_has_to_be_below_alpha(rng: np.random.Generator) -> None:
    reference, window = rng.normal(size=400), rng.normal(0.15, 1, 400)
    (test,) = one(Feature(type="float"), reference, window).tests
    assert test.p_value_corrected is not None
    assert test.p_value_corrected == test.p_value  # a family of one
    (at,) = one(Feature(type="float"), reference, window, test.p_value_corrected).tests
    assert (at.drifted, at.threshold) == (False, test.p_value_corrected)
    (above,) = one(Feature(type="float"), reference, window, test.p_value_corrected * 1.01).tests
    assert above.drifted


def test_every_tests_p_value_is_corrected_for_the_whole_family(rng: np.random.Generator) -> None:
    reference, window = draw(rng, 3000), draw(rng, 500)
    window["amount"] += 0.1
    tests = [
        test
        for test in compare_features(
            FEATURES, reference, window, alpha=ALPHA, untestable={"hour": "its type changed"}
        ).tests
        if test.reason is None
    ]
    raw = [test.p_value for test in tests if test.p_value is not None]
    assert len(raw) == 5
    corrected = [test.p_value_corrected for test in tests]
    assert corrected == pytest.approx(multipletests(raw, method="holm")[1])


def test_a_feature_that_cannot_be_tested_says_why_and_has_no_numbers() -> None:
    values = np.arange(50, dtype=np.float32)
    flags = (values > 20).astype(np.float32)
    outcome = compare_features(
        {
            "changed": Feature(type="float"),
            "hidden": Feature(type="boolean"),
            "fine": Feature(type="float"),
        },
        {"changed": values, "hidden": flags, "fine": values},
        {"changed": values, "hidden": flags, "fine": values},
        alpha=ALPHA,
        unlogged=frozenset({"hidden"}),
        untestable={"changed": "its type changed"},
    )
    changed, hidden, fine = outcome.tests
    assert (changed.feature_name, changed.method) == ("changed", "ks")
    assert changed.reason == "its type changed"
    assert (hidden.feature_name, hidden.method) == ("hidden", "chi_square_two_sample")
    assert hidden.reason == "left out of the request log (request_log.redact)"
    for test in (changed, hidden):
        assert not test.drifted
        assert test.p_value is test.p_value_corrected is test.effect_size is None
        assert test.threshold == ALPHA
        assert test.effect_threshold == 0.03
    assert fine.reason is None
    assert fine.p_value == 1


def test_a_side_without_rows_or_without_values_is_named() -> None:
    number, empty = Feature(type="float", nullable=True), np.array([], dtype=np.float32)
    values = np.arange(50, dtype=np.float32)
    gaps = np.full(50, np.nan, dtype=np.float32)
    for reference, window, method, reason in (
        (empty, values, "ks", "the reference has no rows"),
        (values, empty, "ks", "the window has no rows"),
        (gaps, values, "ks", "every value is missing in the reference"),
        (values, gaps, "ks", "every value is missing in the window"),
        (gaps, gaps, "missing_rate", "every value is missing on both sides"),
    ):
        tests = {test.method: test for test in one(number, reference, window).tests}
        assert tests[method].reason == reason
        assert tests[method].feature_name == "x"
    word = Feature(type="category")
    (test,) = one(word, np.array([], dtype=object), np.array(["a"], dtype=object)).tests
    assert test.method == "chi_square_two_sample"


def test_a_single_value_is_tested_unless_it_is_the_same_on_both_sides() -> None:
    number = Feature(type="float")
    sevens, values = np.full(60, 7, np.float32), np.arange(60, dtype=np.float32)
    (same,) = one(number, sevens, sevens[:10]).tests
    assert same.reason == "constant: one and the same value on both sides"
    assert (same.feature_name, same.method) == ("x", "ks")
    assert one(number, sevens[:1], sevens).tests == (same,)
    assert one(number, values, sevens).drifted_features == ("x",)
    assert one(number, sevens, values).drifted_features == ("x",)
    assert one(number, sevens, sevens + 1).drifted_features == ("x",)


def test_values_are_missing_on_one_side_only() -> None:
    number = Feature(type="float", nullable=True)
    whole = np.arange(200, dtype=np.float32)
    half = np.where(np.arange(200) % 2, whole, np.nan).astype(np.float32)
    for reference, window in ((whole, half), (half, whole)):
        value, missing = one(number, reference, window).tests
        assert (value.method, value.drifted) == ("ks", False)
        assert (missing.method, missing.drifted) == ("missing_rate", True)
        assert missing.effect_size == pytest.approx(0.5)


def test_evidently_sees_the_values_and_the_column_of_what_is_missing() -> None:
    feature = Feature(type="float", nullable=True)
    half = np.where(np.arange(200) % 2, 1, np.nan).astype(np.float32)
    outcome = one(feature, half, half[:50])
    assert outcome.evidently is not None
    assert set(outcome.evidently.p_values) == {"x (missing or present)"}
    for side, rows in ((outcome.evidently.reference, 200), (outcome.evidently.window, 50)):
        shown = side["x (missing or present)"].tolist()
        assert shown == ["missing", "present"] * (rows // 2)
    assert "x (missing or present)" in outcome.evidently.html()


def test_a_booleans_values_are_told_apart_as_categories() -> None:
    flags = (np.arange(300) % 3 == 0).astype(np.float32)
    (test,) = one(Feature(type="boolean"), flags, np.zeros(100, np.float32)).tests
    assert test.effect_size == pytest.approx(1 / 3)
    assert test.p_value == pytest.approx(stats.fisher_exact([[200, 100], [100, 0]]).pvalue)
    assert test.drifted


def test_evidentlys_page_needs_no_network(rng: np.random.Generator) -> None:
    outcome = compare_features(FEATURES, draw(rng, 300), draw(rng, 50), alpha=ALPHA)
    assert outcome.evidently is not None
    page = outcome.evidently.html()
    assert "amount" in page
    assert '<script src="http' not in page
    assert '<link rel="stylesheet" href="http' not in page


def _codes(rng: np.random.Generator, rows: int, kinds: int) -> Any:
    return np.char.add("c", rng.integers(0, kinds, rows).astype(str)).astype(object)


def test_thousands_of_categories_that_are_all_new_are_found(rng: np.random.Generator) -> None:
    features = {"code": Feature(type="category")}
    reference, window = _codes(rng, 50_000, 3000), _codes(rng, 2000, 3000)
    quiet = by_feature(
        compare_features(features, {"code": reference}, {"code": window}, alpha=ALPHA)
    )
    assert not any(test.drifted for test in quiet.values())
    new = (window + "-2").astype(object)
    found = by_feature(compare_features(features, {"code": reference}, {"code": new}, alpha=ALPHA))
    unseen = found["code", "unseen_rate"]
    assert unseen.drifted
    assert unseen.effect_size == pytest.approx(1.0, abs=0.03)


def test_a_new_category_in_twelve_of_a_thousand_rows_is_found() -> None:
    reference = np.repeat(np.array(["Ham", "Eli", "Ulm"], dtype=object), 1000)
    window = np.concatenate([reference[6:-6:3], np.full(12, "Rom", dtype=object)])
    features = {"city": Feature(type="category")}
    tests = by_feature(
        compare_features(features, {"city": reference}, {"city": window}, alpha=ALPHA)
    )
    assert tests["city", "unseen_rate"].drifted
    assert not tests["city", "chi_square_two_sample"].drifted  # its effect is below 0.03
