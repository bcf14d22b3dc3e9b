"""Columns of a stranger's file: what each holds, what becomes of it as a feature, and why.

Every column is read as text by DuckDB, which takes files of any size, and is then judged by all of
its values.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import duckdb

from cli.shared.column_sql import finite_number, moment_in, text_of
from cli.shared.text_tables import load_text_table
from evergreen.columns import MAX_WHOLE
from evergreen.errors import EvergreenError
from evergreen.model_definition import LOG_COLUMNS
from evergreen.model_definition.definition import UNFIT

if TYPE_CHECKING:
    from pathlib import Path

MAX_CATEGORIES = 1000
"""A text with more distinct values is taken as an identifier or as free text."""
MIN_WORDS = 3
"""With fewer words on average, many distinct texts are names or ids."""
MAX_SMALL = 20
"""With more distinct values, a column in which nearly every row has its own is an identifier."""
UNIQUE = "every row has another: an id"
MIN_PARSED = 0.95
"""Share of the values that must be numbers for a column to be one. The others count as missing."""
_TRUE = ("true", "t", "yes", "y", "ja", "wahr", "on")
_FALSE = ("false", "f", "no", "n", "nein", "falsch", "off")
_NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
_COMMA = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"
_GROUPED = r"[+-]?\d{1,3}(,\d{3})+"
_DAY = r"(19|20)\d{6}"
_NESTED = ("LIST", "STRUCT", "MAP", "BLOB", "[]", "UNION")

Role = Literal["float", "integer", "boolean", "category", "text", "moment", "left out"]


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """One column: what becomes of it, and why.

    Parameters
    ----------
    name
        Its name in the file.
    role
        The type of the feature, or why it is none.
    why
        The reason, in a few words.
    value
        The SQL that gives its values, as the role wants them.
    missing
        Share of the rows without a value, 0 to 1.
    distinct
        Number of distinct values.
    low, high
        Smallest and largest value of a number.
    warning
        What a person should look at, or None.
    derive
        What is derived from a moment.
    """

    name: str
    role: Role
    why: str
    value: str
    missing: float
    distinct: int
    low: float | None = None
    high: float | None = None
    warning: str | None = None
    derive: tuple[str, ...] = ()

    @property
    def feature(self) -> str:
        """The name of the feature: as in the file, but for what no feature may be called."""
        name = UNFIT.sub("_", self.name)
        return f"{name}_value" if name in LOG_COLUMNS else name


class StrangersFile:
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

    def profile(self, name: str) -> ColumnProfile:
        """Return what becomes of one column."""
        if any(mark in self.types[name].upper() for mark in _NESTED):
            return ColumnProfile(name, "left out", f"holds {self.types[name]}", "NULL", 0, 0)
        counts = self._counts(text_of(name))
        found = {"missing": 1 - counts["present"] / self.rows, "distinct": counts["distinct"]}
        if counts["distinct"] < 2 and not (counts["distinct"] and found["missing"]):
            why = "constant" if counts["distinct"] else "no values"
            return ColumnProfile(name, "left out", why, "NULL", **found)
        return self._judged(name, counts, found)

    def _counts(self, text: str) -> dict[str, int]:
        """Return how many values have which form."""
        words = ", ".join(repr(word) for word in (*_TRUE, *_FALSE))
        counts = self.one(
            f"""SELECT count(v), count(DISTINCT v),
                count(*) FILTER (regexp_full_match(v, '{_NUMBER}')),
                count(*) FILTER (regexp_full_match(v, '{_COMMA}')),
                count(*) FILTER (v LIKE '%,%'),
                count(*) FILTER (regexp_full_match(v, '{_GROUPED}')),
                count(*) FILTER (lower(v) IN ({words})),
                count({moment_in("v")}) FILTER (NOT regexp_full_match(v, '{_NUMBER}')),
                count(try_strptime(v, '%Y%m%d')) FILTER (regexp_full_match(v, '{_DAY}'))
            FROM (SELECT {text} AS v FROM raw)"""  # noqa: S608 - names are quoted
        )
        names = [
            "present",
            "distinct",
            "numbers",
            "commas",
            "marks",
            "grouped",
            "truths",
            "moments",
            "days",
        ]
        return dict(zip(names, map(int, counts), strict=True))

    def _judged(self, name: str, counts: dict[str, int], found: dict[str, Any]) -> ColumnProfile:
        text, present = text_of(name), counts["present"]
        most = MIN_PARSED * present
        if counts["truths"] == present:
            yes = ", ".join(repr(word) for word in _TRUE)
            return ColumnProfile(name, "boolean", "yes or no", f"lower({text}) IN ({yes})", **found)
        if max(counts["days"], counts["moments"]) >= most:  # 20261231, or written with marks
            return self._moments(name, text, found)
        if counts["numbers"] >= most:
            return self._number(name, finite_number(text), present, found)
        if counts["marks"] and counts["commas"] >= most and counts["grouped"] < counts["marks"]:
            value = finite_number(f"replace(replace({text}, '.', ''), ',', '.')")
            return self._number(name, value, present, found, "decimal comma")
        if counts["marks"] and counts["commas"] >= most:
            why = "1,234 may be 1234 or 1.234; write one of them"
            return ColumnProfile(name, "left out", why, "NULL", **found)
        return self._words(name, text, present, counts["numbers"], found)

    def _number(
        self, name: str, value: str, present: int, found: dict[str, Any], form: str = "numbers"
    ) -> ColumnProfile:
        low, high, fractions, repeated, numbers = self.one(
            f"""SELECT min(v), max(v), count(*) FILTER (v <> trunc(v)),
                count(v) - count(DISTINCT v), count(v)
            FROM (SELECT {value} AS v FROM raw)"""  # noqa: S608 - names are quoted
        )
        if not numbers:
            return ColumnProfile(name, "left out", "numbers beyond 32 bits", "NULL", **found)
        odd = present - numbers
        warning = f"{odd} values are no finite numbers and count as missing" if odd else None
        if odd:
            found = found | {"missing": found["missing"] + odd / self.rows}
        if not fractions and not repeated and found["distinct"] > MAX_SMALL:
            return ColumnProfile(name, "left out", UNIQUE, value, low=low, high=high, **found)
        role: Role = "float" if fractions else "integer"
        largest = max(abs(low), abs(high))
        if role == "integer" and largest > MAX_WHOLE:
            role, form = "float", "whole numbers beyond 16,777,216"
            warning = "large whole numbers are rounded to seven digits; is it an id or a date?"
        return ColumnProfile(name, role, form, value, low=low, high=high, warning=warning, **found)

    def _moments(self, name: str, text: str, found: dict[str, Any]) -> ColumnProfile:
        value = moment_in(text)
        (times,) = self.one(
            f"SELECT count(*) FILTER ({value} <> date_trunc('day', {value})) FROM raw"  # noqa: S608 - quoted
        )
        derive = (*(["hour"] if times else []), "weekday", "month")
        why = "a timestamp, of which the model sees parts"
        return ColumnProfile(name, "moment", why, value, derive=derive, **found)

    def _words(
        self, name: str, text: str, present: int, numbers: int, found: dict[str, Any]
    ) -> ColumnProfile:
        distinct = found["distinct"]
        if distinct > MAX_CATEGORIES or (distinct > MAX_SMALL and distinct > present / 2):
            (words,) = self.one(
                f"SELECT avg(len(string_split_regex({text}, '\\s+'))) FROM raw"  # noqa: S608 - quoted
            )
            if words >= MIN_WORDS:
                why = f"{distinct:,} distinct texts of {words:.1f} words: free text"
                return ColumnProfile(name, "text", why, text, **found)
            why = f"{distinct:,} distinct texts: an id or a name"
            return ColumnProfile(name, "left out", why, "NULL", **found)
        warning = None
        if numbers:
            warning = f"numbers and words are mixed ({numbers / present:.0%} numbers)"
        return ColumnProfile(name, "category", f"{distinct} words", text, warning=warning, **found)
