"""Feature by feature: has this column's distribution, or its share of missing values, moved?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.drift import statistics
from evergreen.drift.records import UnivariateTest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from evergreen.drift.evidently_tests import EvidentlyRun
    from evergreen.model_definition import Feature

ROW_CAP = 50_000
"""Rows a side that are tested; beyond it a sample is. At 50,000 a side a gap of 0.02 between two
distributions, well under every effect threshold below, is found practically always."""

EFFECT_THRESHOLDS = {"ks": 0.05, "chi_square_two_sample": 0.05, "missing_rate": 0.02}
"""Smallest effect worth a retraining. 0.05: one row in twenty lies elsewhere, which for a bell
curve is a shift by an eighth of its standard deviation. Missing values: two rows in a hundred,
because a model that never saw them may fail on each."""

_SEED = 20130101


@dataclass(frozen=True, slots=True)
class UnivariateOutcome:
    """All tests of one check, and the Evidently run behind them if anything could be tested."""

    tests: tuple[UnivariateTest, ...]
    evidently: EvidentlyRun | None

    @property
    def drifted_features(self) -> tuple[str, ...]:
        """Names of the features with at least one drifted test, in model order."""
        return tuple(dict.fromkeys(test.feature_name for test in self.tests if test.drifted))


@dataclass(frozen=True, slots=True)
class _Planned:
    """One test that can be run: what goes to Evidently, and how large the effect is."""

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
) -> UnivariateOutcome:
    """Test every feature of a model, corrected so that the whole family errs at most ``alpha``.

    A test is ``drifted`` when its Holm-corrected p-value is below ``alpha`` and its effect is at
    least the threshold of its method. Numbers: Kolmogorov-Smirnov. Categories and booleans:
    two-sample chi-square, exact where counts are small. A feature that misses values anywhere
    also gets a test of its missing rate. What is infinite in float32, which is what the model
    sees, counts as missing.

    Parameters
    ----------
    features
        The model's features by name, in order.
    reference, window
        Columns as the model sees them (shapes (n,) and (m,)): float32 with NaN, or str with "".
    alpha
        Probability of any false alarm in the family.
    unlogged
        Features that the request log does not hold by the user's wish.

    Returns
    -------
    UnivariateOutcome
        At least one test per feature; where none was possible it says why.
    """
    rng = np.random.default_rng(_SEED)
    reference_rows = _sample(_length(reference), rng)
    window_rows = _sample(_length(window), rng)
    plans: list[_Planned | _Untestable] = []
    for name, feature in features.items():
        if name in unlogged:
            reason = "left out of the request log (request_log.redact)"
            plans.append(_Untestable(name, _method(feature), reason))
        else:
            plans += _plan(
                name, feature, reference[name][reference_rows], window[name][window_rows]
            )
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
    return UnivariateOutcome(tuple(tests), run)


def _length(columns: Mapping[str, NDArray[Any]]) -> int:
    return max((values.size for values in columns.values()), default=0)


def _sample(rows: int, rng: np.random.Generator) -> NDArray[np.int64] | slice:
    if rows <= ROW_CAP:
        return slice(None)
    return np.sort(rng.choice(rows, ROW_CAP, replace=False))


def _method(feature: Feature) -> str:
    return "chi_square_two_sample" if feature.type in {"category", "boolean"} else "ks"


def _plan(
    name: str, feature: Feature, reference: NDArray[Any], window: NDArray[Any]
) -> list[_Planned | _Untestable]:
    method = _method(feature)
    for side, values in (("reference", reference), ("window", window)):
        if values.size == 0:
            return [_Untestable(name, method, f"the {side} has no rows")]
    present = [_present(values) for values in (reference, window)]
    plans = [_plan_values(name, feature, reference[present[0]], window[present[1]])]
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
    if np.unique(reference).size == 1 and np.array_equal(np.unique(reference), np.unique(window)):
        return _Untestable(name, method, "constant: one and the same value on both sides")
    if method == "ks":
        effect = statistics.ks_distance(reference, window)
        reference, window = reference.astype(np.float64), window.astype(np.float64)
    else:
        reference, window = reference.astype(str).astype(object), window.astype(str).astype(object)
        effect = statistics.total_variation(statistics.category_counts(reference, window))
    return _Planned(name, method, name, reference, window, effect)


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
    # Importing Evidently takes seconds: only when there is something to test.
    from evergreen.drift.evidently_tests import run_tests  # noqa: PLC0415

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
