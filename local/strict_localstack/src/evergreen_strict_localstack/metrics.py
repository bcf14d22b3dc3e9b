"""CloudWatch's store: dimensions are matched exactly, a call is one transaction, reading is quick.

LocalStack compares dimensions with SQL's ``LIKE``. So ``model=a`` finds ``model=a, endpoint=/x``
and ``model=ab`` as well, and ``_`` finds any character. For each period that is asked for, it reads
every value of the metric; an index finds the values of the period alone.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from evergreen_strict_localstack.stock import UnexpectedCodeError, rewrite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SETTING = "EVERGREEN_STRICT_METRICS"

_SINGLE = """
INSERT INTO SINGLE_METRICS (
    account_id, region, metric_name, namespace, timestamp, dimensions, unit, storage_resolution,
    value
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_AGGREGATED = """
INSERT INTO AGGREGATED_METRICS (
    account_id, region, metric_name, namespace, timestamp, dimensions, unit, storage_resolution,
    sample_count, sum, min, max
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_INDEX = """
CREATE INDEX IF NOT EXISTS {table}_of_series ON {table} (
    account_id, region, namespace, metric_name, dimensions, timestamp
)
"""
_LIST = """
SELECT DISTINCT metric_name, namespace, dimensions FROM SINGLE_METRICS
WHERE account_id = :account AND region = :region
AND (:namespace IS NULL OR namespace = :namespace) AND (:name IS NULL OR metric_name = :name)
UNION
SELECT DISTINCT metric_name, namespace, dimensions FROM AGGREGATED_METRICS
WHERE account_id = :account AND region = :region
AND (:namespace IS NULL OR namespace = :namespace) AND (:name IS NULL OR metric_name = :name)
"""


def patch(database: type[Any]) -> None:
    """Change LocalStack's ``CloudwatchDatabase``.

    Raises
    ------
    UnexpectedCodeError
        If its code is not the expected one.
    """
    separator = database._get_ordered_dimensions_with_separator
    example = [{"Name": "b", "Value": "2"}, {"Name": "a", "Value": "1"}]
    if separator(None, example) != "a=1\tb=2\t":
        raise UnexpectedCodeError("CloudwatchDatabase writes dimensions in another form")
    database.get_metric_data_stat = rewrite(
        database.get_metric_data_stat,
        ('"AND dimensions LIKE ? "', '"AND dimensions = ? "'),
        ("(dimensions, for_search=True)", "(dimensions)"),
    )
    database.list_metrics = _list
    database._restore_dimensions_from_string = lambda _, text: restore(text)
    database.add_metric_data = _add


def restore(text: str | None) -> list[dict[str, str]] | None:
    """Return the dimensions that are stored as this text; a value may have ``=`` in it."""
    pairs = [each.partition("=") for each in (text or "").split("\t") if each]
    return [{"Name": name, "Value": value} for name, _, value in pairs] or None


def _list(
    self: Any,
    account_id: str,
    region: str,
    namespace: str | None,
    metric_name: str | None,
    dimensions: Sequence[Mapping[str, str]],
) -> dict[str, Any]:
    wanted = {
        "account": account_id,
        "region": region,
        "namespace": namespace or None,
        "name": metric_name or None,
    }
    with self.DATABASE_LOCK, closing(sqlite3.connect(self.METRICS_DB)) as connection:
        rows = connection.execute(_LIST, wanted).fetchall()
    found = (
        {"metric_name": name, "namespace": space, "dimensions": restore(text)}
        for name, space, text in rows
    )
    return {"metrics": [each for each in found if _has(each["dimensions"], dimensions)]}


def _has(
    dimensions: Sequence[Mapping[str, str]] | None, filters: Sequence[Mapping[str, str]]
) -> bool:
    """Return whether each filter's dimension is there, with its value if the filter has one."""
    own = {each["Name"]: each["Value"] for each in dimensions or ()}
    return all(
        each["Name"] in own and each.get("Value", own[each["Name"]]) == own[each["Name"]]
        for each in filters
    )


def _add(
    self: Any,
    account_id: str,
    region: str,
    namespace: str,
    metric_data: Sequence[Mapping[str, Any]],
) -> None:
    singles: list[tuple[Any, ...]] = []
    aggregated: list[tuple[Any, ...]] = []
    for datum in metric_data:
        moment = datum.get("Timestamp") or datetime.now(UTC)
        head = (
            *(account_id, region, datum["MetricName"], namespace, int(moment.timestamp())),
            self._get_ordered_dimensions_with_separator(datum.get("Dimensions")),
            *(datum.get("Unit"), datum.get("StorageResolution")),
        )
        singles += ((*head, value) for value in _values(datum))
        if given := datum.get("StatisticValues"):
            names = ("SampleCount", "Sum", "Minimum", "Maximum")
            aggregated.append((*head, *(given.get(name) for name in names)))
    with self.DATABASE_LOCK:
        connection = sqlite3.connect(self.METRICS_DB)
        try:
            # The metrics are of this LocalStack alone, and it starts without them.
            connection.execute("PRAGMA synchronous = OFF")
            with connection:
                for table in ("SINGLE_METRICS", "AGGREGATED_METRICS"):
                    connection.execute(_INDEX.format(table=table))
                connection.executemany(_SINGLE, singles)
                connection.executemany(_AGGREGATED, aggregated)
        finally:
            connection.close()


def _values(datum: Mapping[str, Any]) -> Iterator[float]:
    if datum.get("Value") is not None:
        yield datum["Value"]
        return
    values = datum.get("Values") or ()
    for value, count in zip(values, datum.get("Counts") or [1] * len(values), strict=True):
        for _ in range(int(count)):
            yield value
