"""The details of one model for the status page, read when somebody looks at the model.

Checks never change once they are written. So each is read once in the life of a function, and a
page that asks every half minute costs a few listings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from evergreen.drift.distributions import distributions_key, most_changed, read_distributions
from evergreen.drift.episodes.state import Episodes
from evergreen.drift.episodes.transitions import CheckFindings, next_episodes
from evergreen.drift.log import check_keys
from evergreen.drift.policy.severity import severity_by_kind
from evergreen.drift.records import (
    DriftDecisionRecord,
    PerformanceEstimateRecord,
    PerformanceRecord,
    UnivariateRecord,
)
from evergreen.drift.report import report_key
from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.cloudwatch import Series, SeriesStatistic
from evergreen.metrics.history import Span, history_without_data, read_metric_history
from evergreen.release.decision_log import decider, latest_decision_records
from evergreen.reporting.details_shown import (
    CheckedFeatures,
    DecidedComparison,
    DecisionDetails,
    EpisodeSpan,
    MetricMeasurement,
    ModelDetails,
    MovedFeature,
)
from evergreen.reporting.known_checks import KnownChecks
from evergreen.reporting.shown import StatusPart
from evergreen.reporting.side_by_side import Gaps, SideBySide

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mypy_boto3_cloudwatch import CloudWatchClient

    from evergreen.clock import Clock
    from evergreen.drift.distributions import Categories, Numbers
    from evergreen.drift.episodes.state import Episode
    from evergreen.drift.records import DriftRecord
    from evergreen.metrics.history import MetricHistory
    from evergreen.model_definition import ModelDefinition
    from evergreen.release.decision_log import DecisionRecord
    from evergreen.reporting.links import Links
    from evergreen.storage import Storage

DETAIL_CHECKS = 60
"""The number of newest checks that the charts over time show."""
DETAIL_DAYS = 30
"""How many days back they are searched."""
DETAIL_DECISIONS = 20
"""The number of newest decisions that are shown with their numbers."""

_SERIES: dict[str, tuple[Metric, str]] = {
    "rows": (Metric.PREDICTIONS, "Sum"),
    "inference_time": (Metric.INFERENCE_TIME, "Average"),
    "slowest_inference": (Metric.INFERENCE_TIME, "Maximum"),
    "requests": (Metric.REQUESTS, "Sum"),
    "client_errors": (Metric.CLIENT_ERRORS, "Sum"),
    "server_errors": (Metric.SERVER_ERRORS, "Sum"),
    "response_time": (Metric.RESPONSE_TIME, "Average"),
    "slowest_response": (Metric.RESPONSE_TIME, "Maximum"),
}


@dataclass(frozen=True, slots=True)
class DetailsReader:
    """Reads the details of one model; it changes nothing.

    Parameters
    ----------
    definitions
        The models of the deployment by name.
    storage, cloudwatch
        Give the logs and the metrics.
    links
        Makes the links.
    clock
        Gives the end of the period that is read.
    rows_shown
        Whether the newest rows of the request log may be asked for.
    """

    definitions: Mapping[str, ModelDefinition]
    storage: Storage
    cloudwatch: CloudWatchClient
    links: Links
    clock: Clock
    rows_shown: bool
    _known: KnownChecks = field(default_factory=KnownChecks)

    def read(self, model: str, span: Span) -> ModelDetails:
        """Return the details of a model now, with metrics over ``span``.

        A part that cannot be read is named in ``unread``.
        """
        now, definition = self.clock(), self.definitions[model]
        wanted = [
            SeriesStatistic(Series(replace(BY_METRIC[metric], by=None), (model,)), statistic)
            for metric, statistic in _SERIES.values()
        ]
        gaps = Gaps[StatusPart]()
        with SideBySide() as reading:
            histories = reading.read(
                "metrics", partial(read_metric_history, self.cloudwatch, wanted, span, now)
            )
            decided = reading.read(
                "bucket",
                partial(latest_decision_records, self.storage, model, DETAIL_DECISIONS),
            )
            keys = reading.read(
                "bucket",
                partial(
                    check_keys, self.storage, model, now, count=DETAIL_CHECKS, days=DETAIL_DAYS
                ),
            )
            newest_first = gaps.fill("checks", keys, [])
            read = [
                reading.read("bucket", partial(self._known.read, self.storage, key))
                for key in newest_first
            ]
            checks = [gaps.fill("checks", each, []) for each in reversed(read)]
            kept = reading.read("bucket", partial(self._distributions, model, checks))
            charts = gaps.fill("metrics", histories, history_without_data(wanted, span, now))
            decisions = gaps.fill("decisions", decided, [])
            distributions = gaps.fill("checks", kept, {})
        named: dict[str, MetricHistory] = dict(zip(_SERIES, charts, strict=True))
        return ModelDetails(
            name=model,
            more_is_better=definition.more_is_better,
            generated_at=now,
            measurements=tuple(_measurements(checks)),
            episodes=tuple(episodes_of(model, checks)),
            checked=_checked(model, _newest_compared(checks), distributions, self.links),
            decisions=tuple(_details(record, self.links) for record in decisions),
            rows_shown=self.rows_shown,
            unread=gaps.names,
            **named,
        )

    def _distributions(
        self, model: str, checks: Sequence[list[DriftRecord]]
    ) -> dict[str, Numbers | Categories]:
        lines = _newest_compared(checks)
        if not lines:
            return {}
        return read_distributions(self.storage, distributions_key(model, lines[-1].check_id))


def episodes_of(model: str, checks: Sequence[Sequence[DriftRecord]]) -> list[EpisodeSpan]:
    """Return the episodes that a series of checks went through, oldest first.

    The rules are those of the checks themselves. An episode that began before the first of these
    checks begins with it here.

    Parameters
    ----------
    model
        The model.
    checks
        The lines of each check, oldest check first.
    """
    state = Episodes(model=model)
    found: dict[str, Episode] = {}
    for lines in checks:
        findings = _findings(lines)
        if findings is not None:
            state = next_episodes(state, findings)
            # One check may end the episode of a version and begin another: the notices have both.
            found |= {each.episode.id: each.episode for each in state.outbox if each.episode}
            found |= {t.episode.id: t.episode for t in state.tracks.values() if t.episode}
            state = state.model_copy(update={"outbox": ()})
    return [
        EpisodeSpan(
            kind=each.kind,
            model_version=each.model_version,
            since=each.since,
            ended_at=each.ended_at,
            severity=each.severity,
        )
        for each in sorted(found.values(), key=lambda each: each.since)
    ]


def _findings(lines: Sequence[DriftRecord]) -> CheckFindings | None:
    """Return what a check found, from its lines in the drift log."""
    decision = _decision(lines)
    if decision is None:
        return None
    measured = next((line for line in lines if isinstance(line, PerformanceRecord)), None)
    tests = [line for line in lines if isinstance(line, UnivariateRecord)]
    estimated = next((line for line in lines if isinstance(line, PerformanceEstimateRecord)), None)
    severity = severity_by_kind(decision, tests, measured, estimated)
    moved = {kind: kind in decision.triggers for kind in severity}
    return CheckFindings(decision, decision.timestamp, moved, severity)


def _measurements(checks: Sequence[Sequence[DriftRecord]]) -> list[MetricMeasurement]:
    return [
        MetricMeasurement(
            measured_at=line.timestamp,
            model_version=line.model_version,
            value=line.value,
            interval_low=line.interval_low,
            interval_high=line.interval_high,
            at_promotion=line.threshold,
            labelled_rows=line.labelled_rows,
            degraded=line.drifted,
        )
        for lines in checks
        for line in lines
        if isinstance(line, PerformanceRecord) and line.value is not None
    ]


def _newest_compared(checks: Sequence[list[DriftRecord]]) -> list[DriftRecord]:
    """Return the lines of the newest check that had enough rows to compare features."""
    for lines in reversed(checks):
        decision = _decision(lines)
        if decision is not None and decision.verdict != "insufficient_data":
            return lines
    return []


def _decision(lines: Sequence[DriftRecord]) -> DriftDecisionRecord | None:
    return next((line for line in lines if isinstance(line, DriftDecisionRecord)), None)


def _checked(
    model: str,
    lines: Sequence[DriftRecord],
    distributions: Mapping[str, Numbers | Categories],
    links: Links,
) -> CheckedFeatures | None:
    decision = _decision(lines)
    if decision is None:
        return None
    tests = most_changed([line for line in lines if isinstance(line, UnivariateRecord)])
    features = tuple(
        MovedFeature(
            feature_name=test.feature_name,
            method=test.method,
            drifted=test.drifted,
            p_value_corrected=test.p_value_corrected,
            threshold=test.threshold,
            effect_size=test.effect_size,
            effect_threshold=test.effect_threshold,
            distributions=distributions.get(test.feature_name),
        )
        for test in tests
    )
    return CheckedFeatures(
        check_id=decision.check_id,
        checked_at=decision.timestamp,
        verdict=decision.verdict,
        rows=decision.rows,
        tested=len(features),
        features=features,
        # A check that found something writes a report.
        report_url=links.sign(report_key(model, decision.check_id)) if decision.triggers else None,
    )


def _details(record: DecisionRecord, links: Links) -> DecisionDetails:
    compared = record.comparison
    return DecisionDetails(
        decision=record.decision,
        decided_at=record.decided_at,
        challenger=record.challenger,
        champion=record.champion,
        reason=record.reason,
        comparison=DecidedComparison.model_validate(
            compared.model_dump(include={*DecidedComparison.model_fields})
        )
        if compared
        else None,
        by=decider(record.execution),
        # The name without the account's number.
        execution=record.execution.rpartition(":")[2] if record.execution else None,
        run_url=links.run(record.run_id) if record.run_id else None,
        execution_url=links.execution(record),
        report_url=links.evaluation_report(record),
    )
