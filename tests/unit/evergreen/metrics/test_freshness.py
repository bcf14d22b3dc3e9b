"""How old the newest metric of each model is."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.metrics.freshness import newest_metrics
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


def test_the_newest_of_any_writer_to_five_minutes_an_hour_or_a_day(aws: Account) -> None:
    aws.put_metric("Predictions", NOW - timedelta(minutes=20), 1.0, model="busy")
    aws.put_metric("WindowRows", NOW - timedelta(minutes=3), 1.0, model="busy")
    aws.put_metric("Predictions", NOW - timedelta(hours=5), 1.0, model="late")
    aws.put_metric("OldestRawObject", NOW - timedelta(hours=30), 1.0, model="idle")
    aws.put_metric("Predictions", NOW - timedelta(days=9), 1.0, model="silent")
    found = newest_metrics(aws.cloudwatch, ["busy", "late", "idle", "silent", "never"], NOW)
    newest = NOW - timedelta(minutes=3)
    assert found == {
        "busy": newest.replace(minute=newest.minute // 5 * 5, second=0, microsecond=0),
        "late": (NOW - timedelta(hours=5)).replace(minute=0, second=0, microsecond=0),
        "idle": (NOW - timedelta(hours=30)).replace(hour=0, minute=0, second=0, microsecond=0),
    }
