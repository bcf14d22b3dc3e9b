"""One drift check: reads the request log, runs the tests and writes the drift log."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from evergreen.clock import MICROSECOND
from evergreen.datasets.pace import (
    aged_rows_needed,
    fewest_labelled_rows,
    labelled_rows_needed,
)
from evergreen.drift.detectors.estimation import estimate_performance, why_no_estimate
from evergreen.drift.detectors.localization import localize_drift, localize_loss
from evergreen.drift.detectors.multivariate import compare_jointly
from evergreen.drift.detectors.outputs_alone import beside_features
from evergreen.drift.detectors.performance import compare_performance, why_untestable
from evergreen.drift.detectors.univariate import UnivariateResult, compare_features
from evergreen.drift.distributions import (
    distributions_key,
    distributions_of,
    write_distributions,
)
from evergreen.drift.inputs import (
    count_labelled_rows,
    read_drift_inputs,
    read_holdout_features,
)
from evergreen.drift.log import read_drift_decisions, write_records
from evergreen.drift.policy.consecutive import history_needed
from evergreen.drift.policy.decision import decide
from evergreen.drift.policy.situation import LatestRetraining, RowLimits
from evergreen.drift.policy.waits import LabelledRows
from evergreen.drift.records import (
    CheckContext,
    DriftDecision,
    DriftRecord,
    DriftTest,
    MultivariateTest,
    PerformanceEstimate,
    PerformanceTest,
    SegmentFinding,
    to_record,
    window_id,
)
from evergreen.drift.report import MOST_FIGURES, render_report, report_key

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.clock import Clock
    from evergreen.drift.inputs import DriftInputs, QueriedWindow
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.storage import Storage


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of a check, and where it is stored."""

    context: CheckContext
    decision: DriftDecision
    univariate: UnivariateResult
    multivariate: MultivariateTest
    performance: PerformanceTest | None
    estimate: PerformanceEstimate
    segments: tuple[SegmentFinding, ...]
    log_key: str
    report_key: str | None

    @property
    def features_tested(self) -> int:
        """Number of features on which at least one test could be run."""
        tests = self.univariate.tests
        return len({test.feature_name for test in tests if test.p_value is not None})


def run_check(  # noqa: PLR0913 - what is checked, where it is read, and when
    definition: ModelDefinition,
    pointer: ProductionPointer,
    lake: Lake | QueriedWindow,
    storage: Storage,
    *,
    start: datetime,
    end: datetime,
    clock: Clock,
    report: bool = False,
    retraining_runs: bool = False,
) -> CheckResult:
    """Check one window of a model's traffic for drift, and write the result to the drift log.

    The window holds the predictions of the version in production in ``[start, end)``. A check has
    up to three parts: the tests of single features (outputs and confidence included), the joint
    test, and the performance test if it is possible. If it is not, the estimate is the third part
    where the model retrains on ``estimated_performance``. Each part gets an equal share of
    ``definition.drift.alpha``. So the whole check raises a false alarm with probability alpha at
    most.

    Parameters
    ----------
    definition, pointer
        The model and what serves it: its features are those that the bundle takes
        (:func:`evergreen.bundle.served.served_definition`). The pointer names the reference
        dataset.
    lake, storage
        The traffic is read from the lake, or was read by a query. The results are written to the
        storage.
    start, end
        Aware datetimes, half-open.
    clock
        Gives the time of the check.
    report
        Write the HTML report even if nothing has drifted.
    retraining_runs
        Whether the model is being retrained, so that the check starts no second retraining.

    Raises
    ------
    EvergreenError
        If the reference dataset is missing.
    """
    now = clock()
    inputs = read_drift_inputs(definition, pointer, lake, storage, start=start, end=end)
    subject = window_id(definition.name, pointer.version, inputs.start, end)
    context = CheckContext(
        timestamp=now,
        reference_dataset_id=pointer.reference_dataset_id,
        subject_dataset_id=subject,
        check_id=f"{now:%Y%m%dT%H%M%S%fZ}-{subject[-8:]}",
        model=definition.name,
        model_version=pointer.version,
        window_start=inputs.start,
        window_end=end,
        asked_start=start if inputs.start < start else None,
        rows=inputs.rows,
    )
    labelled, holdout, needed = inputs.labelled, inputs.holdout, inputs.min_rows
    scored = why_untestable(definition, labelled, holdout, min_rows=needed) is None
    estimates = "estimated_performance" in definition.retraining.on
    third = scored or (estimates and _is_estimated(definition, inputs))
    alpha = definition.drift.alpha / (3 if third else 2)
    univariate, multivariate = _compare_inputs(definition, inputs, alpha)
    performance = None
    # Performance is measured if there is ground truth. The policy says whether it starts a
    # retraining.
    if labelled.num_rows or "performance" in definition.retraining.on:
        performance = compare_performance(
            definition, labelled, holdout, alpha=alpha, min_rows=needed
        )
    estimate = estimate_performance(
        definition,
        inputs.answers,
        holdout,
        holdout_features=inputs.holdout_features,
        window_features=inputs.window,
        alpha=alpha,
        min_rows=needed,
    ).model_copy(update={"enabled": estimates})
    since = now - history_needed(definition.drift, definition.retraining, end - start)
    history = read_drift_decisions(storage, definition.name, since, now)
    last = history[-1] if history else None
    count = partial(count_labelled_rows, definition, lake)
    data_until, fewest = inputs.champion.data_until, fewest_labelled_rows(definition)
    skipped = (
        last is not None
        and last.start_retraining
        and last.model_version == pointer.version
        and count(data_until, last.timestamp, enough=fewest) < fewest
    )
    aging = inputs.champion.aging
    decision = decide(
        context,
        univariate,
        multivariate,
        performance,
        estimate=estimate,
        limits=RowLimits(
            window=needed,
            needed=labelled_rows_needed(definition, inputs.champion),
            # A data set that is built now has what was labelled in this very moment.
            labelled=LabelledRows(
                lambda since, enough: count(since or data_until, now + MICROSECOND, enough=enough)
            ),
            aged=aged_rows_needed(definition, inputs.champion),
            ages_fast=aging is not None and aging.is_fast,
            world_moves=aging is not None and aging.world_moves,
        ),
        retraining=definition.retraining,
        history=history,
        every=min(schedule.every for schedule in definition.drift.schedules),
        latest=LatestRetraining(was_skipped=skipped, runs=retraining_runs),
    )
    segments: tuple[SegmentFinding, ...] = ()
    if decision.verdict != "insufficient_data":
        segments = _localize(definition, inputs, univariate, multivariate, performance, storage)
    outputs = inputs.outputs
    distributions = distributions_of(
        univariate.tests,
        {**definition.features, **outputs.features},
        {**inputs.reference, **outputs.reference},
        {**inputs.window, **outputs.window},
        most=MOST_FIGURES,
    )
    write_distributions(
        storage, distributions_key(definition.name, context.check_id), distributions
    )
    page = None
    if report or decision.triggers:
        page = report_key(definition.name, context.check_id)
        html = render_report(
            context,
            decision,
            univariate.tests,
            multivariate,
            (performance, estimate),
            segments,
            distributions,
        )
        storage.put(page, html.encode())
    outcomes: list[DriftTest | DriftDecision] = [
        *univariate.tests,
        multivariate,
        *([performance] if performance else []),
        estimate,
        *segments,
        decision,
    ]
    lines: list[DriftRecord] = [to_record(context, outcome) for outcome in outcomes]
    log = write_records(storage, context, lines)
    return CheckResult(
        context, decision, univariate, multivariate, performance, estimate, segments, log, page
    )


def _is_estimated(definition: ModelDefinition, inputs: DriftInputs) -> bool:
    reason = why_no_estimate(
        definition,
        inputs.answers,
        inputs.holdout,
        holdout_features=inputs.holdout_features,
        min_rows=inputs.min_rows,
    )
    return reason is None


def _localize(
    definition: ModelDefinition,
    inputs: DriftInputs,
    univariate: UnivariateResult,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
    storage: Storage,
) -> tuple[SegmentFinding, ...]:
    moved = localize_drift(
        definition.features, inputs.reference, inputs.window, univariate.tests, multivariate
    )
    if performance is None or not performance.drifted or inputs.holdout is None:
        return moved
    held = inputs.holdout_features
    if held is None:
        held = read_holdout_features(definition, inputs.champion, storage)
    lost = localize_loss(
        definition,
        inputs.holdout,
        held,
        inputs.labelled,
        inputs.labelled_features,
        alpha=definition.drift.alpha,
        unlogged=definition.request_log.redact,
    )
    return (*lost, *moved)


def _compare_inputs(
    definition: ModelDefinition, inputs: DriftInputs, alpha: float
) -> tuple[UnivariateResult, MultivariateTest]:
    unlogged = frozenset(definition.request_log.redact)
    reference, window, outputs = inputs.reference, inputs.window, inputs.outputs
    univariate = compare_features(
        {**definition.features, **outputs.features},
        {**reference, **outputs.reference},
        {**window, **outputs.window},
        alpha=alpha,
        unlogged=unlogged,
        untestable=outputs.untestable,
    )
    # Only the features: other outputs on drifted features would be the same finding twice.
    multivariate = compare_jointly(
        definition.features, reference, window, alpha=alpha, unlogged=unlogged
    )
    return beside_features(definition, outputs, univariate, multivariate), multivariate
