"""When each model's metrics were last written: whether what a dashboard shows is of now."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from evergreen.metrics.catalog import BY_METRIC, Metric
from evergreen.metrics.cloudwatch import Series, SeriesStatistic, Window, read_values

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from mypy_boto3_cloudwatch import CloudWatchClient

WRITTEN = (Metric.PREDICTIONS, Metric.WINDOW_ROWS, Metric.OLDEST_RAW)
"""One metric of each writer: a prediction, a drift check, a compaction."""
OF_ALL_MODELS = Metric.OLDEST_RAW
"""The one of them that comes each hour of every model, whatever the traffic and the schedules."""
OLD_AFTER = timedelta(hours=3)
"""From this age on the newest metric is called old: the compaction writes one for each model each
hour, whatever the traffic. Where all writers are set to run less often, they are given longer."""
_WINDOWS = ((12, timedelta(minutes=5)), (24, timedelta(hours=1)), (7, timedelta(days=1)))
"""Few periods: an emulator computes each by itself."""


def newest_metrics(
    client: CloudWatchClient, models: Iterable[str], now: datetime
) -> dict[str, datetime]:
    """Return the beginning of the newest period with a value, of each model that has one.

    The period is five minutes within the last hour, an hour within the last day, and before that a
    day, a week back.
    """
    found: dict[str, datetime] = {}
    left = list(models)
    for periods, period in _WINDOWS:
        wanted = [
            SeriesStatistic(Series(BY_METRIC[metric], (model,)), "SampleCount")
            for model in left
            for metric in WRITTEN
        ]
        window = Window.back(now, periods, period)
        for sample, moment, _ in read_values(client, wanted, window):
            model = sample.series.values[0]
            found[model] = max(found.get(model, moment), moment)
        left = [model for model in left if model not in found]
    return found
