"""A request log and its labels as tables of any size, with everything that makes them awkward.

Rows and labels arrive twice, labels are corrected, a shadow answers too, values are missing, and
features have names that SQL would take for something else.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlglot

from evergreen.lake.query_places import USED_ROWS
from evergreen.lake.reader import Lake
from evergreen.lake.sql import SqlTables, quoted_name, tables_of
from evergreen.lake.tables import LABELS, REQUEST_LOG, TIMESTAMP_TYPE
from evergreen.model_definition import ModelDefinition

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from evergreen.lake.tables import TableKind

START = datetime(2026, 3, 1, tzinfo=UTC)
DATABASE = "evergreen_test"
AWKWARD = ("a b", "class", "ünï", "say 'when'", "it's", "select", "f0", "semi;colon--")
"""Names of features. Every other one is a category."""
CLASSES = ("it's late", "on time", "ON TIME", "1", "True", "")
"""Outcomes of a classification."""
_HOURS = 96
_LATE_HOURS = 60


def awkward_model(**changes: object) -> ModelDefinition:
    """Return the definition of the model that such a log is of."""
    features = {
        name: {"type": "category" if place % 2 else "float", "nullable": True}
        for place, name in enumerate(AWKWARD)
    }
    values = {
        "name": "awkward",
        "task": "regression",
        "target": "order",
        "features": features,
        "retraining": {"label_wait": "10 days"},
        **changes,
    }
    return ModelDefinition.model_validate(values)


@dataclass(frozen=True, slots=True)
class MadeUpLog:
    """The content of the two tables, in no order and with duplicates."""

    definition: ModelDefinition
    log: pa.Table
    labels: pa.Table


def made_up_log(
    rows: int, seed: int = 0, *, definition: ModelDefinition | None = None, first_request: int = 0
) -> MadeUpLog:
    """Return a log of so many different rows over four days, five to a request.

    Of the rows 3 % arrive twice, a few of them with a later time; 10 % are a shadow's. Two thirds
    have a label, up to 60 hours later, of which every tenth is corrected or comes twice. Requests
    are numbered from ``first_request``.
    """
    definition = definition or awkward_model()
    draw = np.random.default_rng(seed)
    number = np.arange(rows)
    request = number // 5
    second = draw.integers(0, _HOURS * 3_600_000_000, request[-1] + 1 if rows else 0)
    times = second[request]
    ids = pc.binary_join_element_wise(
        "it's-", pa.array(request + first_request).cast(pa.string()), ""
    )
    columns = {
        "timestamp": _moments(times),
        "request_id": ids,
        "row": pa.array(number % 5),
        "model_version": pa.array(draw.choice(["1", "2"], rows)),
        "role": pa.array(np.where(request % 10 == 0, "shadow", "champion")),
        "model_output": _outcomes(definition, draw, rows),
        "confidence": pa.nulls(rows, pa.float64()),
    }
    for name, feature in definition.features.items():
        gone = draw.random(rows) < 0.05
        if feature.is_numeric:
            columns[name] = pa.array(draw.normal(size=rows), mask=gone)
        else:
            texts = np.array(["red", "it's", 'a "b"', "ünï", ""])
            columns[name] = pa.array(texts[draw.integers(0, 5, rows)], mask=gone)
    columns |= {"input_data": pa.array(["{}"] * rows), "metadata": pa.array(["{}"] * rows)}
    log = pa.table(columns).cast(REQUEST_LOG.schema(definition))
    again = log.take(pa.array(draw.integers(0, max(rows, 1), rows // 33 if rows else 0)))
    # Half of what arrives twice has another time: the first one counts.
    later = np.arange(again.num_rows) % 2 * 1_000_000
    again = again.set_column(
        0,
        "timestamp",
        pc.add(again["timestamp"], pa.array(later, pa.duration("us"))).cast(TIMESTAMP_TYPE),
    )
    labels = _labels(log, times, draw, definition)
    return MadeUpLog(definition, _shuffled(pa.concat_tables([log, again]), draw), labels)


def _labels(
    log: pa.Table,
    times: NDArray[np.int64],
    draw: np.random.Generator,
    of: ModelDefinition,
) -> pa.Table:
    known = np.flatnonzero(draw.random(log.num_rows) < 0.66)
    picked = np.concatenate([known, known[::10]])
    delay = draw.integers(0, _LATE_HOURS * 3_600_000_000, picked.size)
    rows = log.take(pa.array(picked))
    labels = pa.table(
        {
            "timestamp": _moments(times[picked] + delay),
            "request_id": rows["request_id"],
            "row": rows["row"],
            "label": _outcomes(of, draw, picked.size),
            "observed_at": _moments(times[picked] + delay // 2),
        }
    ).cast(LABELS.schema(of))
    return _shuffled(pa.concat_tables([labels, labels.slice(0, labels.num_rows // 20)]), draw)


def _outcomes(of: ModelDefinition, draw: np.random.Generator, count: int) -> pa.Array:
    if of.task == "classification":
        return pa.array(draw.choice(CLASSES, count))
    return pa.array(draw.normal(size=count))


def _moments(microseconds: NDArray[np.int64]) -> pa.Array:
    first = int(START.timestamp()) * 1_000_000
    return pa.array(microseconds + first, pa.timestamp("us")).cast(TIMESTAMP_TYPE)


def _shuffled(table: pa.Table, draw: np.random.Generator) -> pa.Table:
    return table.take(pa.array(draw.permutation(table.num_rows)))


class LoadedLake(Lake):
    """A lake whose tables are in memory; everything but the reading of files is the real one."""

    def __init__(self, made_up: MadeUpLog, now: datetime) -> None:
        self._clock = lambda: now
        self._tables = {REQUEST_LOG.name: made_up.log, LABELS.name: made_up.labels}

    def batches(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> Iterator[pa.Table]:
        table = self._tables[kind.name].select(kind.schema(definition, columns).names)
        low, high = (pa.scalar(moment, TIMESTAMP_TYPE) for moment in (start, end))
        times = table["timestamp"]
        yield table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))


class TrinoOnDuckDb:
    """Runs SQL of Trino's dialect on the same tables with DuckDB, translated by sqlglot."""

    def __init__(self, made_up: MadeUpLog) -> None:
        self._connection = duckdb.connect()
        self.tables: SqlTables = tables_of(DATABASE, made_up.definition.name)
        self.add(self.tables.request_log, made_up.log)
        self.add(self.tables.labels, made_up.labels)

    def add(self, name: str, rows: pa.Table) -> None:
        """Make rows a table; its name is quoted and has a schema."""
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.rpartition('.')[0]}")
        self._connection.register("rows_to_add", rows)
        self._connection.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM rows_to_add")
        self._connection.unregister("rows_to_add")

    def add_used_rows(self, keys: bytes, run: str) -> None:
        """Make the keys of a data set's rows the one partition of the table that a query names."""
        rows = pq.read_table(io.BytesIO(keys))
        name = quoted_name(f"{DATABASE}_queries", USED_ROWS)
        self.add(name, rows.append_column("run", pa.array([run] * rows.num_rows, pa.string())))

    def run(self, query: str) -> pa.Table:
        """Run a query and return what it found."""
        (translated,) = sqlglot.transpile(query, read="trino", write="duckdb")
        return self._connection.sql(translated).to_arrow_table()


LAST = START + timedelta(hours=_HOURS)
"""The end of the log."""
