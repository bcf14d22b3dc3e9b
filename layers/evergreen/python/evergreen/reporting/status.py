"""The status of each model, read from the logs and metrics of the loop, for the status page.

The sources are read side by side. One that is slow or fails leaves its parts unread, and the rest
is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from evergreen.drift.episodes.state import read_episodes
from evergreen.drift.log import check_keys
from evergreen.drift.records import DriftDecisionRecord, DriftRecord, PerformanceRecord
from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.cloudwatch import Series, SeriesStatistic
from evergreen.metrics.freshness import newest_metrics
from evergreen.metrics.history import (
    MetricHistory,
    Span,
    history_without_data,
    read_metric_history,
)
from evergreen.release.decision_log import decider, latest_decision_records
from evergreen.release.executions import read_running_retraining
from evergreen.reporting.known_checks import KnownChecks
from evergreen.reporting.shown import (
    DecisionSummary,
    DriftVerdict,
    InProduction,
    LiveMetric,
    ModelStatus,
    OpenEpisode,
    Status,
    StatusPart,
)
from evergreen.reporting.side_by_side import Gaps, SideBySide
from evergreen.shadow.look import read_look, shadow_progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_stepfunctions import SFNClient

    from evergreen.clock import Clock
    from evergreen.drift.episodes.state import Episode
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import Production, ProductionPointer
    from evergreen.release.decision_log import DecisionRecord
    from evergreen.release.executions import RunningRetraining
    from evergreen.shadow.look import ShadowLook
    from evergreen.storage import Storage

CHECKS = 8
"""The number of newest drift checks that are read."""
CHECK_DAYS = 7
"""How many days back drift checks are searched."""
DECISIONS = 5
"""The number of newest decisions that are shown."""


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads a deployment's status; it changes nothing.

    Parameters
    ----------
    stage
        The deployment stage.
    definitions
        The models of the deployment by name.
    production, storage, cloudwatch, stepfunctions
        Give the pointers, the logs, the metrics and the executions.
    clock
        Gives the end of the period that is read.
    """

    stage: str
    definitions: Mapping[str, ModelDefinition]
    production: Production
    storage: Storage
    cloudwatch: CloudWatchClient
    stepfunctions: SFNClient
    clock: Clock
    _known: KnownChecks = field(default_factory=KnownChecks)

    def read(self, span: Span) -> Status:
        """Return the status now, with metrics over ``span``.

        A part that cannot be read is named in ``unread`` of its model.
        """
        now = self.clock()
        predictions = BY_METRIC[Metric.PREDICTIONS]
        wanted = [SeriesStatistic(Series(predictions, (name,)), "Sum") for name in self.definitions]
        with SideBySide() as reading:
            histories = reading.read(
                "metrics", lambda: read_metric_history(self.cloudwatch, wanted, span, now)
            )
            written = reading.read(
                "metrics", lambda: newest_metrics(self.cloudwatch, self.definitions, now)
            )
            begun = [self._begin(reading, name, now) for name in self.definitions]
            charts = Gaps[StatusPart]()
            no_data = history_without_data(wanted, span, now)
            traffic = charts.fill("metrics", histories, no_data)
            newest = charts.fill("metrics", written, {})
            models = tuple(
                _model(definition, parts, rows, charts.names).model_copy(
                    update={"newest_metric_at": newest.get(definition.name)}
                )
                for definition, parts, rows in zip(
                    self.definitions.values(), begun, traffic, strict=True
                )
            )
        return Status(stage=self.stage, generated_at=now, models=models)

    def _begin(self, reading: SideBySide, model: str, now: datetime) -> _Parts:
        """Begin to read everything about a model but its metrics."""
        production, storage = self.production, self.storage
        return _Parts(
            pointer=reading.read("pointers", lambda: production.read_last_valid(model)),
            checks=reading.read("bucket", lambda: self._checks(model, now)),
            episodes=reading.read("bucket", lambda: read_episodes(storage, model).open),
            look=reading.read("bucket", lambda: read_look(storage, model)),
            decisions=reading.read(
                "bucket", lambda: latest_decision_records(storage, model, DECISIONS)
            ),
            retraining=reading.read(
                "executions",
                lambda: read_running_retraining(storage, self.stepfunctions, model, now),
            ),
        )

    def _checks(self, model: str, now: datetime) -> list[list[DriftRecord]]:
        keys = check_keys(self.storage, model, now, count=CHECKS, days=CHECK_DAYS)
        return [self._known.read(self.storage, key) for key in keys]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is being read about one model."""

    pointer: Future[ProductionPointer | None]
    checks: Future[list[list[DriftRecord]]]
    episodes: Future[tuple[Episode, ...]]
    look: Future[ShadowLook | None]
    decisions: Future[list[DecisionRecord]]
    retraining: Future[RunningRetraining | None]


def _model(
    definition: ModelDefinition,
    parts: _Parts,
    traffic: MetricHistory,
    unread: tuple[StatusPart, ...],
) -> ModelStatus:
    gaps = Gaps[StatusPart]()
    pointer = gaps.fill("production", parts.pointer, None)
    lines = [line for check in gaps.fill("checks", parts.checks, []) for line in check]
    decisions = gaps.fill("decisions", parts.decisions, [])
    look = gaps.fill("shadow", parts.look, None)
    retraining = gaps.fill("retraining", parts.retraining, None)
    slot = pointer.shadow if pointer else None
    return ModelStatus(
        name=definition.name,
        task=definition.task,
        target=definition.target,
        metric=definition.metric,
        production=_in_production(pointer),
        live=_live(lines, pointer),
        checks=tuple(_verdict(line) for line in lines if isinstance(line, DriftDecisionRecord)),
        # An episode of an older version stays open until the first check of the new version.
        episodes=tuple(
            OpenEpisode.model_validate(each.model_dump())
            for each in gaps.fill("episodes", parts.episodes, ())
            if pointer is not None and each.model_version == pointer.version
        ),
        traffic=traffic,
        decisions=tuple(_decided(record) for record in decisions),
        shadow=shadow_progress(definition, slot, look) if slot else None,
        retraining=retraining,
        unread=(*gaps.names, *unread),
    )


def _decided(record: DecisionRecord) -> DecisionSummary:
    about = record.model_dump(exclude={"comparison"}) | {"comparison": record.comparison}
    return DecisionSummary.model_validate(about | {"by": decider(record.execution)})


def _in_production(pointer: ProductionPointer | None) -> InProduction | None:
    if pointer is None:
        return None
    return InProduction(
        version=pointer.version,
        promoted_at=pointer.promoted_at,
        metric=pointer.metric,
        previous=pointer.previous,
    )


def _live(lines: Sequence[DriftRecord], pointer: ProductionPointer | None) -> LiveMetric | None:
    """Return the newest measurement of the version in production, or the reason for none."""
    measured = [
        line
        for line in lines
        if isinstance(line, PerformanceRecord)
        and pointer is not None
        and line.model_version == pointer.version
    ]
    if not measured:
        return None
    newest = next((line for line in measured if line.value is not None), measured[0])
    return LiveMetric(
        measured_at=newest.timestamp,
        value=newest.value,
        interval_low=newest.interval_low,
        interval_high=newest.interval_high,
        labelled_rows=newest.labelled_rows,
        degraded=newest.drifted,
        reason=newest.reason,
    )


def _verdict(line: DriftDecisionRecord) -> DriftVerdict:
    return DriftVerdict(
        check_id=line.check_id,
        checked_at=line.timestamp,
        model_version=line.model_version,
        verdict=line.verdict,
        rows=line.rows,
        window_start=line.window_start,
        window_end=line.window_end,
        drifted_features=line.drifted_features,
        start_retraining=line.start_retraining,
        reason=line.reason,
    )
