"""SQL on the request log and the labels: DuckDB on a copy of the columns that a query reads.

The lake's reader gives the rows, those that are not compacted yet too, some at a time. They are
copied into a database on disk, so memory stays flat, and each row is kept once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import duckdb
import sqlglot
from sqlglot import exp

from evergreen.errors import EvergreenError
from evergreen.lake.tables import LABELS, REQUEST_LOG

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from evergreen.lake.reader import Lake
    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition

VIEWS = {REQUEST_LOG: "request_log", LABELS: "labels"}
_LABELLED = """
CREATE VIEW labelled AS
SELECT request_log.*, labels.* EXCLUDE (timestamp, request_id, row),
       labels.timestamp AS labelled_at
FROM request_log JOIN labels USING (request_id, row)
WHERE request_log.role = 'champion'
"""
_MEMORY = "1GB"
_ROWS_AT_A_TIME = 10_000


class LogQueryError(EvergreenError):
    """A query that DuckDB cannot run."""


class LogDatabase:
    """A database with the views ``request_log``, ``labels`` and ``labelled`` of one model.

    Parameters
    ----------
    lake, definition
        The lake, and the model.
    window
        Start and end. The predictions and the labels with ``start <= timestamp < end`` are in the
        views.
    folder
        An empty folder on a disk that can hold the columns that a query reads.
    on_rows
        Called with the number of rows copied so far.
    """

    def __init__(
        self,
        lake: Lake,
        definition: ModelDefinition,
        window: tuple[datetime, datetime],
        folder: Path,
        on_rows: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._lake = lake
        self._definition = definition
        self._window = window
        self._folder = folder
        self._on_rows = on_rows

    def query(self, sql: str) -> pa.RecordBatchReader:
        """Run a query, and return its rows, some at a time.

        Raises
        ------
        LogQueryError
            If it is no query that DuckDB can run.
        """
        every = {kind: frozenset(kind.schema(self._definition).names) for kind in VIEWS}
        needed = tables_read(sql)
        wanted = {
            kind: columns_read(sql, names) if VIEWS[kind] in needed else None
            for kind, names in every.items()
        }
        try:
            try:
                found = self._run(sql, wanted, "some")
            except duckdb.BinderException:
                # It may be our reading of the query that missed a column.
                if wanted == every:
                    raise
                found = self._run(sql, every, "all")
        except duckdb.Error as error:
            said = str(error).strip()
            if said.startswith("Catalog Error: Table "):
                said = said.partition("\n")[0]  # then it proposes DuckDB's own tables
            views = ", ".join((*VIEWS.values(), "labelled"))
            raise LogQueryError(
                said.rstrip("!?."),
                where="--sql",
                fix=f"The views are {views}; --help lists their columns.",
            ) from error
        return found.to_arrow_reader(_ROWS_AT_A_TIME)

    def _run(
        self, sql: str, wanted: Mapping[TableKind, frozenset[str] | None], name: str
    ) -> duckdb.DuckDBPyRelation:
        database = duckdb.connect(self._folder / f"{name}.duckdb")
        database.execute("SET TimeZone = 'UTC'")
        database.execute(f"SET memory_limit = '{_MEMORY}'")
        database.execute(f"SET temp_directory = '{self._folder}'")
        for kind, view in VIEWS.items():
            self._copy(database, kind, view, wanted[kind])
        database.execute(_LABELLED)
        return database.sql(sql)

    def _copy(
        self,
        database: duckdb.DuckDBPyConnection,
        kind: TableKind,
        view: str,
        columns: Collection[str] | None,
    ) -> None:
        """Copy the rows of a table, and make a view with each of them once."""
        given = None if columns is None else tuple(columns)
        schema = kind.schema(self._definition, given or ())
        database.register("batch", schema.empty_table())
        database.execute(f"CREATE TABLE {view}_rows AS FROM batch")
        start, end = self._window
        if columns is not None:
            copied = 0
            for rows in self._lake.batches(kind, self._definition, start, end, given):
                database.register("batch", rows.select(schema.names))
                database.execute(f"INSERT INTO {view}_rows FROM batch")
                copied += rows.num_rows
                self._on_rows(copied)
        database.unregister("batch")
        order = "ASC" if kind.keep == "first" else "DESC"
        key = ", ".join(f'"{name}"' for name in kind.key)
        database.execute(
            f"CREATE TABLE {view} AS SELECT DISTINCT ON ({key}) * FROM {view}_rows "  # noqa: S608
            f"ORDER BY timestamp {order}"
        )
        database.execute(f"DROP TABLE {view}_rows")


def tables_read(sql: str) -> frozenset[str]:
    """Return those of the tables that a query may read."""
    words = {word.lower() for word in re.findall(r"\w+", sql)}
    both = frozenset(VIEWS.values())
    return both if "labelled" in words else both & words


def columns_read(sql: str, names: Collection[str]) -> frozenset[str]:
    """Return those of a table's columns that a query may read: all of them if that is not clear.

    Parameters
    ----------
    sql
        The query.
    names
        The names of the table's columns.
    """
    try:
        statements = sqlglot.parse(sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError:
        return frozenset(names)
    read: set[str] = set()
    for statement in statements:
        if not isinstance(statement, exp.Query):
            return frozenset(names)
        tables = {each.alias_or_name.lower() for each in statement.find_all(exp.Table)}
        for part in statement.walk():
            if _means_all(part, tables):
                return frozenset(names)
            if isinstance(part, exp.Column | exp.Identifier):
                read.add(part.name.lower())
    return frozenset(name for name in names if name.lower() in read)


def _means_all(part: Any, tables: set[str]) -> bool:  # noqa: ANN401 - sqlglot's tree has many types
    """Say whether a part of a query stands for all columns of a table."""
    if isinstance(part, exp.Star):
        return not isinstance(part.parent, exp.Count)
    if isinstance(part, exp.Columns | exp.Pivot):
        return True
    # A table's name where a column is expected is the whole row.
    return isinstance(part, exp.Column) and part.name.lower() in tables
