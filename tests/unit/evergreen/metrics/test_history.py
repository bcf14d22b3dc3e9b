"""Metrics over time: where each value goes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.cloudwatch import MAX_QUERIES, Series, SeriesStatistic
from evergreen.metrics.history import SPANS, MetricHistory, read_metric_history
from tests.support.aws_in_process import intercepted
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

PREDICTIONS = BY_METRIC[Metric.PREDICTIONS]


def read(aws: Account, *wanted: SeriesStatistic, span: str = "1h") -> list[MetricHistory]:
    return read_metric_history(aws.cloudwatch, wanted, SPANS[span], NOW)


def rows(model: str, statistic: str = "Sum") -> SeriesStatistic:
    return SeriesStatistic(Series(PREDICTIONS, (model,)), statistic)


def test_values_stand_at_their_time_and_gaps_stay_gaps(aws: Account) -> None:
    for minutes, value in ((0.5, 3), (0.9, 4), (2, 5), (59, 6), (60, 7), (90, 8)):
        aws.put_metric("Predictions", NOW - timedelta(minutes=minutes), value, model="m")
    (history,) = read(aws, rows("m"))
    assert len(history.values) == 60
    found = {at: value for at, value in enumerate(history.values) if value is not None}
    assert found == {58: 7, 57: 5, 0: 6}
    assert history.start + 59 * timedelta(seconds=history.period_seconds) == NOW


@pytest.mark.parametrize("span", SPANS)
def test_the_running_period_is_the_last_one(aws: Account, span: str) -> None:
    now = NOW + timedelta(seconds=1)
    aws.put_metric("Predictions", NOW, 2, model="m")
    (history,) = read_metric_history(aws.cloudwatch, [rows("m")], SPANS[span], now)
    assert history.values[-1] == 2
    assert len(history.values) == SPANS[span].periods
    assert history.start.timestamp() % history.period_seconds == 0


@pytest.mark.parametrize(("statistic", "expected"), [("Sum", 9), ("Average", 4.5), ("Maximum", 6)])
def test_each_model_and_statistic_is_kept_apart(
    aws: Account, statistic: Any, expected: float
) -> None:
    before = NOW - timedelta(seconds=1)
    aws.put_metric("Predictions", before, 3, 6, model="a")
    aws.put_metric("Predictions", before, 100, model="b")
    a, b, c = read(aws, *(rows(name, statistic) for name in "abc"))
    assert a.values[-2] == expected
    assert b.values[-2] == 100
    assert set(c.values) == {None}


def test_more_than_one_request_takes_is_asked_for_in_several(aws: Account) -> None:
    names = [f"m{number}" for number in range(MAX_QUERIES + 1)]
    aws.put_metric("Predictions", NOW - timedelta(seconds=1), 1, model=names[-1])
    with intercepted(aws.cloudwatch, "GetMetricData") as calls:
        histories = read(aws, *map(rows, names))
    assert [len(each["MetricDataQueries"]) for each in calls] == [MAX_QUERIES, 1]
    assert [each.values[-2] for each in histories] == [None] * MAX_QUERIES + [1]
