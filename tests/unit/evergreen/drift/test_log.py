"""The drift log's contract, to the field, and reading it back."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest

from evergreen.drift.log import read_check_records, read_drift_decisions, write_records
from evergreen.drift.records import (
    CheckContext,
    DriftDecision,
    MultivariateTest,
    PerformanceTest,
    UnivariateTest,
    to_record,
    window_id,
)
from evergreen.storage import StoredObject

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.drift.records import DriftTest
    from evergreen.storage import Storage


NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
COMMON = {
    *("timestamp", "reference_dataset_id", "subject_dataset_id", "check_id", "model"),
    *("model_version", "window_start", "window_end", "asked_start", "rows", "kind"),
}
UNIVARIATE = UnivariateTest(
    feature_name="a",
    method="ks",
    drifted=True,
    p_value=0.001,
    p_value_corrected=0.002,
    threshold=0.025,
    effect_size=0.3,
    effect_threshold=0.05,
)
MULTIVARIATE = MultivariateTest(
    drifted=False, model_accuracy=0.5, threshold=0.525, auc=0.5, p_value=0.6, rows_per_side=100
)
PERFORMANCE = PerformanceTest(
    metric="f1",
    drifted=False,
    value=0.5,
    interval_low=0.4,
    interval_high=0.6,
    threshold=0.5,
    labelled_rows=100,
)
DECISION = DriftDecision(
    verdict="drift", start_retraining=True, triggers=("data_drift",), reason="a"
)
OUTCOMES: list[DriftTest | DriftDecision] = [UNIVARIATE, MULTIVARIATE, PERFORMANCE, DECISION]


class Shelf:
    """The verbs of Storage that the drift log uses."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def get(self, key: str) -> bytes | None:
        return self.objects.get(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        for key in sorted(self.objects):
            if key.startswith(prefix):
                yield StoredObject(key, len(self.objects[key]), NOON)


def context(at: datetime = NOON, check_id: str = "c1", model: str = "m") -> CheckContext:
    return CheckContext(
        timestamp=at,
        reference_dataset_id="ds-0",
        subject_dataset_id="win-0",
        check_id=check_id,
        model=model,
        model_version="3",
        window_start=at - timedelta(days=1),
        window_end=at,
        rows=100,
    )


@pytest.mark.parametrize(
    ("outcome", "fields"),
    [
        (
            UNIVARIATE,
            {
                *("feature_name", "drifted", "p_value", "p_value_corrected", "threshold"),
                *("method", "effect_size", "effect_threshold", "reason"),
            },
        ),
        (
            MULTIVARIATE,
            {
                *("drifted", "model_accuracy", "threshold", "auc", "p_value", "top_features"),
                *("method", "rows_per_side", "reason"),
            },
        ),
        (
            PERFORMANCE,
            {
                *("metric", "drifted", "value", "interval_low", "interval_high", "threshold"),
                *("labelled_rows", "unscored_rows", "holdout_rows", "p_value", "alpha", "reason"),
            },
        ),
        (
            DECISION,
            {
                *("verdict", "outcome", "start_retraining", "triggers", "drifted_features"),
                *("budget_left", "goal", "goal_version", "goal_since", "goal_tried"),
                *("goal_against", "because", "lost", "lost_at", "lost_features", "reason"),
            },
        ),
    ],
)
def test_the_fields_of_each_line(outcome: Any, fields: set[str]) -> None:
    line = json.loads(to_record(context(), outcome).model_dump_json())
    assert set(line) == COMMON | fields
    assert line["timestamp"] == "2026-03-01T12:00:00.000000Z"


def test_a_check_reads_back_as_it_was_written() -> None:
    shelf = cast("Storage", Shelf())
    lines = [to_record(context(), outcome) for outcome in OUTCOMES]
    key = write_records(shelf, context(), lines)
    assert key == "drift/log/model=m/dt=2026-03-01/c1.jsonl"
    assert list(read_check_records(shelf, "m", NOON, NOON)) == lines


def test_decisions_come_oldest_first_within_the_time_asked_for() -> None:
    shelf = cast("Storage", Shelf())
    for days in (3, 1, 2, 9):
        at = NOON - timedelta(days=days)
        write_records(shelf, context(at, f"c{-days}"), [to_record(context(at), DECISION)])
    write_records(shelf, context(model="other"), [to_record(context(), DECISION)])
    found = read_drift_decisions(shelf, "m", NOON - timedelta(days=3), NOON)
    assert [(NOON - item.timestamp).days for item in found] == [3, 2, 1]


def test_partitions_are_utc_days_wherever_the_clock_stands() -> None:
    shelf = cast("Storage", Shelf())
    at = datetime(2026, 3, 2, 1, tzinfo=timezone(timedelta(hours=2)))
    key = write_records(shelf, context(at), [to_record(context(at), DECISION)])
    assert "dt=2026-03-01" in key
    assert len(read_drift_decisions(shelf, "m", at, at)) == 1


def test_a_window_is_named_by_what_it_holds() -> None:
    day = timedelta(days=1)
    names = {
        window_id("m", "1", NOON, NOON + day),
        window_id("m", "1", NOON.astimezone(timezone(timedelta(hours=5))), NOON + day),
        window_id("m", "2", NOON, NOON + day),
        window_id("m", "1", NOON, NOON + 2 * day),
        window_id("n", "1", NOON, NOON + day),
    }
    assert len(names) == 4
    assert all(len(name) == len("win-") + 16 for name in names)
