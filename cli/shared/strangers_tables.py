"""A stranger's file as a table that SQL reads.

Every column is read as text by DuckDB, which takes files of any size.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import duckdb

from cli.shared.text_tables import load_text_table
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from pathlib import Path


class StrangersTable:
    """A CSV or Parquet file whose columns are not known yet.

    Parameters
    ----------
    path
        ``.csv``, ``.tsv`` or ``.txt``, also with ``.gz``, or ``.parquet``.

    Raises
    ------
    EvergreenError
        If it is of another kind, cannot be read, or has no rows.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = duckdb.connect()
        # A timestamp without a zone is in UTC, whatever the zone of this machine is.
        self._database.execute("SET TimeZone = 'UTC'")
        self.columns = self._load()
        (self.rows,) = self.one("SELECT count(*) FROM raw")
        if not self.rows:
            raise EvergreenError(
                "it has no rows",
                where=str(path),
                fix="Bring a header line and labelled rows below it.",
            )

    def one(self, sql: str) -> tuple[Any, ...]:
        """Return the first row that a query finds."""
        return tuple(self._database.execute(sql).fetchall()[0])

    def table(self, sql: str) -> Any:  # noqa: ANN401 - an Arrow table
        """Return all rows that a query finds, as an Arrow table."""
        return self._database.sql(sql).to_arrow_table()

    def run(self, sql: str) -> None:
        """Run a statement that returns nothing."""
        self._database.execute(sql)

    def rows_of(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows that a query finds."""
        return self._database.execute(sql).fetchall()

    def require(self, name: str, option: str) -> None:
        """Raise an EvergreenError that names the nearest columns, if there is none of this name."""
        if name in self.columns:
            return
        near = difflib.get_close_matches(name, self.columns, 3, 0.5)
        near += [other for other in self.columns if other not in near][: 10 - len(near)]
        raise EvergreenError(
            f"no column is called {name!r}",
            where=str(self.path),
            fix=f"Give {option} one of its columns: {', '.join(near)}.",
        )

    def _load(self) -> list[str]:
        kinds = [suffix.lower() for suffix in self.path.suffixes[-2:]]
        if not self.path.is_file():
            raise EvergreenError("file not found", where=str(self.path))
        try:
            if kinds[-1:] == [".parquet"]:
                self._database.execute(
                    "CREATE TABLE raw AS SELECT * FROM read_parquet(?)", [str(self.path)]
                )
            elif {".csv", ".tsv", ".txt"} & set(kinds):
                load_text_table(self._database, self.path)
            else:
                raise EvergreenError(
                    "it is neither CSV nor Parquet",
                    where=str(self.path),
                    fix="Name it .csv, .csv.gz or .parquet.",
                )
        except duckdb.Error as error:
            raise EvergreenError(
                f"it cannot be read: {str(error).splitlines()[0]}",
                where=str(self.path),
                fix="Write it again as CSV with a header line, or as Parquet.",
            ) from error
        described = self._database.execute("DESCRIBE raw").fetchall()
        self.types = {str(row[0]): str(row[1]) for row in described}
        return list(self.types)
