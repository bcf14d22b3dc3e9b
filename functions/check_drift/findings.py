"""Findings of a drift check: for the model's episodes, and as details of events."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from evergreen.clock import to_text
from evergreen.drift.episodes.transitions import CheckFindings
from evergreen.drift.policy.severity import severity_by_kind
from evergreen.events import (
    DataDriftDetected,
    DriftCheckCompleted,
    DriftCleared,
    EpisodeEvent,
    NoticeEvent,
    PerformanceDegraded,
    PerformanceRecovered,
    RetrainingRequested,
)

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.drift.check import CheckResult
    from evergreen.drift.episodes.state import Episode, Episodes, Notice, NoticeKind
    from evergreen.events import Trigger
    from evergreen.model_definition import ModelDefinition

MOST_MOVED = 10
"""The largest number of drifted features whose effects are in an event."""

_EVENTS: dict[tuple[Trigger, NoticeKind], type[EpisodeEvent]] = {
    ("data_drift", "began"): DataDriftDetected,
    ("data_drift", "ended"): DriftCleared,
    ("performance", "began"): PerformanceDegraded,
    ("performance", "ended"): PerformanceRecovered,
    ("estimated_performance", "began"): PerformanceDegraded,
    ("estimated_performance", "ended"): PerformanceRecovered,
}
_STATES = {"began": "detected", "retraining": "ongoing", "ended": "cleared"}


def findings_of(result: CheckResult, definition: ModelDefinition, now: datetime) -> CheckFindings:
    """Return the findings of a check for the episodes of its model."""
    decision = result.decision
    severity = severity_by_kind(
        decision, result.univariate.tests, result.performance, result.estimate
    )
    return CheckFindings(
        context=result.context,
        now=now,
        moved={kind: kind in decision.triggers for kind in severity},
        severity=severity,
        starts_retraining=decision.start_retraining,
        scheduled=[schedule.window for schedule in definition.drift.schedules],
        detail=summary_of(result) | {"evidence": _evidence(result)},
    )


def summary_of(result: CheckResult) -> dict[str, Any]:
    """Return the detail that every event of a check has."""
    return {
        "model": result.context.model,
        "check_id": result.context.check_id,
        "model_version": result.context.model_version,
        "window_start": to_text(result.context.window_start),
        "window_end": to_text(result.context.window_end),
        "rows": result.context.rows,
        "verdict": result.decision.verdict,
        "start_retraining": result.decision.start_retraining,
        "because": list(result.decision.because),
        "reason": result.decision.reason,
        "drifted_features": list(result.decision.drifted_features),
        "log": result.log_key,
        "report": result.report_key,
    }


def completed(result: CheckResult, episodes: Episodes) -> DriftCheckCompleted:
    """Return the event of every check: the summary, and where the episodes stand."""
    standing = {
        kind: {"state": episodes.state(kind), **(_summary(track.open) if track.open else {})}
        for kind, track in episodes.tracks.items()
    }
    return DriftCheckCompleted.model_validate(summary_of(result) | {"episodes": standing})


def event_of(notice: Notice) -> NoticeEvent:
    """Return the event that tells of a notice."""
    detail = notice.detail | {"episode_state": _STATES[notice.news]}
    episode = notice.episode
    if episode is None or notice.news == "retraining":
        return RetrainingRequested.model_validate(detail)
    if episode.ended_at is not None:
        detail |= {"ended_at": to_text(episode.ended_at), "ended_by": episode.ended_by}
    # The check of a new version ends the episodes of the version before.
    summary = {**_summary(episode), "model_version": episode.model_version}
    return _EVENTS[episode.kind, notice.news].model_validate(detail | summary)


def _summary(episode: Episode) -> dict[str, Any]:
    return {
        "episode_id": episode.id,
        "kind": episode.kind,
        "since": to_text(episode.since),
        "severity": episode.severity,
    }


def _evidence(result: CheckResult) -> dict[str, Any]:
    """Return the numbers of a verdict; values that are not finite are left out, as in JSON."""
    effects: dict[str, float] = {}
    for test in result.univariate.tests:
        if test.drifted and test.effect_size is not None and math.isfinite(test.effect_size):
            effects[test.feature_name] = max(effects.get(test.feature_name, 0.0), test.effect_size)
    largest = sorted(effects.items(), key=lambda item: -item[1])[:MOST_MOVED]
    joint, performance = result.multivariate, result.performance
    evidence: dict[str, Any] = {"effects": dict(largest)}
    if result.segments:
        evidence["segments"] = [
            segment.model_dump(exclude={"kind"}, exclude_none=True) for segment in result.segments
        ]
    if joint.drifted:
        evidence["joint"] = {"accuracy": joint.model_accuracy, "threshold": joint.threshold}
    if performance is not None and performance.value is not None:
        evidence["performance"] = {
            "metric": performance.metric,
            "value": performance.value,
            "promoted": performance.threshold,
            "labelled_rows": performance.labelled_rows,
        }
    if "estimated_performance" in result.decision.triggers:
        estimate = result.estimate
        evidence["estimated_performance"] = {
            "metric": estimate.metric,
            "value": estimate.value,
            "interval_low": estimate.interval_low,
            "interval_high": estimate.interval_high,
            "promoted": estimate.threshold,
            "rows": estimate.rows,
        }
    return evidence
