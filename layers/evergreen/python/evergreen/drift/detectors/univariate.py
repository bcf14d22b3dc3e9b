"""Univariate drift: tests each feature's distribution and its share of missing values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.drift.detectors import statistics
from evergreen.drift.detectors.texts import lengths, unseen_words
from evergreen.drift.records import UnivariateTest
from evergreen.drift.window_query import DRIFT_ROW_CAP

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from evergreen.drift.detectors.evidently_adapter import EvidentlyRun
    from evergreen.model_definition import Feature

EFFECT_THRESHOLDS = {
    "ks": 0.03,
    "chi_square_two_sample": 0.03,
    "missing_rate": 0.01,
    "unseen_rate": 0.01,
    "text_length": 0.03,
    "unseen_words": 0.03,
}
"""Smallest effect that is worth a retraining. At 0.03 three rows in a hundred lie elsewhere. For a
normal distribution this is a shift by a thirteenth of its standard deviation (``2 Phi(shift / 2) -
1``), so a shift by a tenth is still found. For missing values and unseen categories it is one row
in a hundred, because a model that never saw them may fail on each."""

_SEED = 20130101


@dataclass(frozen=True, slots=True)
class UnivariateResult:
    """All univariate tests of one check, and their Evidently run if anything could be tested."""

    tests: tuple[UnivariateTest, ...]
    evidently: EvidentlyRun | None

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Names of the features with at least one drifted test, in model order."""
        return tuple(dict.fromkeys(test.feature_name for test in self.tests if test.drifted))


@dataclass(frozen=True, slots=True)
class _Planned:
    """One test that can be run: its input for Evidently, and its effect size."""

    feature: str
    method: str
    column: str
    reference: NDArray[Any]
    window: NDArray[Any]
    effect_size: float
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Untestable:
    feature: str
    method: str
    reason: str


def compare_features(
    features: Mapping[str, Feature],
    reference: Mapping[str, NDArray[Any]],
    window: Mapping[str, NDArray[Any]],
    *,
    alpha: float,
    unlogged: frozenset[str] = frozenset(),
    untestable: Mapping[str, str] = MappingProxyType({}),
) -> UnivariateResult:
    """Test every feature of a model, with Holm's correction over the family of tests.

    A test is ``drifted`` when its Holm-corrected p-value is below ``alpha`` and its effect is at
    least the threshold of its method. Numbers: Kolmogorov-Smirnov. Categories and booleans:
    two-sample chi-square, exact where counts are small. A feature with missing values on either
    side also gets a test of its missing rate. A category feature also gets a test of the share of
    rows whose category the reference lacks, if there are such rows or if chance alone could make
    them: of thousands of categories, a chi-square test sees only the hundred most frequent. Texts:
    Kolmogorov-Smirnov of the number of characters and of the share of words that the reference
    lacks. The model sees float32, so a value that is infinite in float32 counts as missing.

    Parameters
    ----------
    features
        The model's features by name, in order.
    reference, window
        Columns as the model sees them: float32 with NaN, or str with "". The columns of a side may
        differ in their number of rows.
    alpha
        Probability of any false alarm in the family.
    unlogged
        Features that the user excludes from the request log.
    untestable
        Feature name to reason, for features that cannot be tested for another reason.

    Returns
    -------
    UnivariateResult
        At least one test per feature. If no test was possible, it gives the reason.
    """
    plans: list[_Planned | _Untestable] = []
    for name, feature in features.items():
        if name in unlogged:
            reason = "left out of the request log (request_log.redact)"
            plans.append(_Untestable(name, _method(feature), reason))
        elif name in untestable:
            plans.append(_Untestable(name, _method(feature), untestable[name]))
        else:
            plans += _plan(name, feature, _sample(reference[name]), _sample(window[name]))
    planned = [plan for plan in plans if isinstance(plan, _Planned)]
    run = _run(planned, alpha) if planned else None
    corrected = iter(
        statistics.holm([run.p_values[plan.column] for plan in planned] if run else [])
    )
    tests = []
    for plan in plans:
        if isinstance(plan, _Planned) and run is not None:
            tests.append(_verdict(plan, run.p_values[plan.column], float(next(corrected)), alpha))
        else:
            tests.append(_no_verdict(plan, alpha))
    return UnivariateResult(tuple(tests), run)


def _sample(values: NDArray[Any]) -> NDArray[Any]:
    # Columns of one length use the same seed, so the same rows are drawn from each.
    if values.size <= DRIFT_ROW_CAP:
        return values
    return values[_chosen(values.size)]


@lru_cache(maxsize=4)
def _chosen(rows: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(_SEED).choice(rows, DRIFT_ROW_CAP, replace=False))


def _method(feature: Feature) -> str:
    if feature.type == "text":
        return "text_length"
    return "chi_square_two_sample" if feature.type in {"category", "boolean"} else "ks"


def _plan(
    name: str, feature: Feature, reference: NDArray[Any], window: NDArray[Any]
) -> list[_Planned | _Untestable]:
    method = _method(feature)
    for side, values in (("reference", reference), ("window", window)):
        if values.size == 0:
            return [_Untestable(name, method, f"the {side} has no rows")]
    present = [_present(values) for values in (reference, window)]
    sides = reference[present[0]], window[present[1]]
    plans: list[_Planned | _Untestable] = []
    if feature.type == "text":
        plans += _plan_text(name, feature, *sides)
    else:
        plans.append(planned := _plan_values(name, feature, *sides))
    if feature.type == "category" and isinstance(planned, _Planned):
        plans += _plan_unseen(planned)
    if not (present[0].all() and present[1].all()):
        plans.append(_plan_missing(name, *present))
    return plans


def _present(values: NDArray[Any]) -> NDArray[np.bool_]:
    return values != "" if values.dtype == object else np.isfinite(values)


def _plan_values(
    name: str, feature: Feature, reference: NDArray[Any], window: NDArray[Any]
) -> _Planned | _Untestable:
    method = _method(feature)
    for side, values in (("reference", reference), ("window", window)):
        if values.size == 0:
            return _Untestable(name, method, f"every value is missing in the {side}")
    if (reference == reference[0]).all() and (window == reference[0]).all():
        return _Untestable(name, method, "constant: one and the same value on both sides")
    if method in {"ks", "text_length"}:
        effect = statistics.ks_distance(reference, window)
        reference, window = reference.astype(np.float64), window.astype(np.float64)
    else:
        reference, window = _as_text(reference), _as_text(window)
        effect = statistics.total_variation(statistics.category_counts(reference, window))
    return _Planned(name, method, name, reference, window, effect)


def _plan_text(
    name: str, feature: Feature, reference: NDArray[Any], window: NDArray[Any]
) -> list[_Planned | _Untestable]:
    """Plan the tests of a text: its length, and the share of words that are new."""
    length = _plan_values(name, feature, lengths(reference), lengths(window))
    if reference.size < 2 or not window.size:
        return [length]
    rest, found = unseen_words(reference, window)
    effect = statistics.ks_distance(rest, found)
    column = f"{name} (share of unseen words)"
    return [length, _Planned(name, "unseen_words", column, rest, found, effect)]


def _as_text(values: NDArray[Any]) -> NDArray[Any]:
    if values.dtype == object:
        return values
    distinct, codes = np.unique(values, return_inverse=True)
    return distinct.astype(str).astype(object)[codes]


def _plan_unseen(values: _Planned) -> list[_Planned]:
    found = statistics.unseen_categories(values.reference, values.window)
    if found is None:
        return []
    column = f"{values.feature} (unseen in the reference)"
    return [replace(values, method="unseen_rate", column=column, effect_size=found[1])]


def _plan_missing(
    name: str, reference: NDArray[np.bool_], window: NDArray[np.bool_]
) -> _Planned | _Untestable:
    if not (reference.any() or window.any()):
        return _Untestable(name, "missing_rate", "every value is missing on both sides")
    effect = abs(float(reference.mean()) - float(window.mean()))
    labels = np.array(["missing", "present"], dtype=object)
    column = f"{name} (missing or present)"
    return _Planned(
        name,
        "missing_rate",
        column,
        labels[reference.astype(int)],
        labels[window.astype(int)],
        effect,
    )


def _run(planned: list[_Planned], alpha: float) -> EvidentlyRun:
    # Importing Evidently takes seconds, so it is imported only if there is something to test.
    from evergreen.drift.detectors.evidently_adapter import run_tests  # noqa: PLC0415

    return run_tests(
        {plan.column: plan.reference for plan in planned},
        {plan.column: plan.window for plan in planned},
        {plan.column: plan.method for plan in planned},
        alpha,
    )


def _verdict(plan: _Planned, p_value: float, corrected: float, alpha: float) -> UnivariateTest:
    effect_threshold = EFFECT_THRESHOLDS[plan.method]
    return UnivariateTest(
        feature_name=plan.feature,
        method=plan.method,
        drifted=corrected < alpha and plan.effect_size >= effect_threshold,
        p_value=p_value,
        p_value_corrected=corrected,
        threshold=alpha,
        effect_size=plan.effect_size,
        effect_threshold=effect_threshold,
    )


def _no_verdict(plan: _Planned | _Untestable, alpha: float) -> UnivariateTest:
    return UnivariateTest(
        feature_name=plan.feature,
        method=plan.method,
        drifted=False,
        p_value=None,
        p_value_corrected=None,
        threshold=alpha,
        effect_size=None,
        effect_threshold=EFFECT_THRESHOLDS[plan.method],
        reason=plan.reason,
    )
