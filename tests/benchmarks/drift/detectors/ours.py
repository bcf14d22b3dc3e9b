"""The shipped check: its functions, its thresholds, its decision."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from evergreen.drift.detectors.multivariate import compare_jointly
from evergreen.drift.detectors.univariate import UnivariateResult, compare_features
from evergreen.drift.policy.decision import decide
from evergreen.drift.policy.situation import LatestRetraining, RowLimits
from evergreen.drift.policy.waits import LabelledRows
from evergreen.drift.records import CheckContext, DriftDecision
from evergreen.model_definition import Feature, Retraining

if TYPE_CHECKING:
    from evergreen.drift.records import MultivariateTest
    from tests.benchmarks.drift.data import Columns

ALPHA = 0.05
SHARE = ALPHA / 2
"""What the check gives each of its two tests where there is no ground truth."""
_START = datetime(2026, 1, 1, tzinfo=UTC)


def univariate(reference: Columns, window: Columns) -> dict[str, bool]:
    """Run the single-feature tests."""
    return {"ours: univariate": bool(single(reference, window).drifted_features)}


def decision(reference: Columns, window: Columns) -> dict[str, bool]:
    """Run everything and decide; with ``min_rows`` at its smallest the tests answer."""
    alone, joint = single(reference, window), together(reference, window)
    decided = conclude(alone, joint, rows=next(iter(window.values())).size)
    return {"ours: multivariate": joint.drifted, "ours: decision": decided.verdict == "drift"}


def conclude(single: UnivariateResult, joint: MultivariateTest, *, rows: int) -> DriftDecision:
    """Take the decision over one window."""
    context = CheckContext(
        timestamp=_START + timedelta(days=2),
        reference_dataset_id="reference",
        subject_dataset_id="window",
        check_id="benchmark",
        model="benchmark",
        model_version="1",
        window_start=_START,
        window_end=_START + timedelta(days=1),
        rows=rows,
    )
    return decide(
        context,
        single,
        joint,
        None,
        limits=RowLimits(20, {}, LabelledRows(lambda _since, enough: enough)),
        retraining=Retraining(on=()),
        history=[],
        latest=LatestRetraining(),
    )


def features(columns: Columns) -> dict[str, Feature]:
    """Describe columns the way a model definition does."""
    return {
        name: Feature(type="category" if values.dtype == object else "float")
        for name, values in columns.items()
    }


def single(reference: Columns, window: Columns) -> UnivariateResult:
    """Run the shipped single-feature tests."""
    return compare_features(features(reference), reference, window, alpha=SHARE)


def together(reference: Columns, window: Columns) -> MultivariateTest:
    """Run the shipped joint test."""
    return compare_jointly(features(reference), reference, window, alpha=SHARE)
