"""Columns of a stranger's file: what each holds, what becomes of it as a feature, and why.

A column is judged by all of its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from cli.shared.column_sql import finite_number, moment_in, text_of
from cli.shared.number_forms import (
    COMMA,
    DOTTED,
    ENGLISH,
    ENGLISH_FRACTION,
    GROUPED,
    NUMBER,
    is_dated,
    is_measured,
    unit_in,
    without_unit,
)
from cli.shared.strangers_tables import StrangersTable
from evergreen.capture.truth_words import FALSE_WORDS, TRUE_WORDS
from evergreen.columns import MAX_WHOLE
from evergreen.model_definition import LOG_COLUMNS
from evergreen.model_definition.definition import UNFIT

MAX_CATEGORIES = 1000
"""A text with more distinct values is taken as an identifier or as free text."""
MIN_WORDS = 3
"""With fewer words on average, many distinct texts are names or ids."""
MAX_SMALL = 20
"""With more distinct values, a column in which nearly every row has its own is an identifier."""
CONSTANT = "constant"
UNIQUE = "every row has another: an id"
MIN_PARSED = 0.95
"""Share of the values that must be numbers for a column to be one. The others count as missing."""
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


class StrangersFile(StrangersTable):
    """A CSV or Parquet file whose columns are not known yet."""

    def profile(self, name: str) -> ColumnProfile:
        """Return what becomes of one column."""
        if any(mark in self.types[name].upper() for mark in _NESTED):
            return ColumnProfile(name, "left out", f"holds {self.types[name]}", "NULL", 0, 0)
        counts = self._counts(text_of(name))
        found = {"missing": 1 - counts["present"] / self.rows, "distinct": counts["distinct"]}
        if counts["distinct"] < 2 and not (counts["distinct"] and found["missing"]):
            why = CONSTANT if counts["distinct"] else "no values"
            return ColumnProfile(name, "left out", why, "NULL", **found)
        return self._judged(name, text_of(name), counts, found)

    def has_moments(self, name: str) -> bool:
        """Return whether every value of a column is a moment, and there is one."""
        text = text_of(name)
        present, moments = self.one(
            f"SELECT count({text}), count({moment_in(text)}) FROM raw"  # noqa: S608 - quoted
        )
        return bool(0 < present == moments)

    def _counts(self, text: str) -> dict[str, int]:
        """Return how many values have which form."""
        words = ", ".join(repr(word) for word in (*TRUE_WORDS, *FALSE_WORDS))
        counts = self.one(
            f"""SELECT count(v), count(DISTINCT v),
                count(*) FILTER (regexp_full_match(v, '{NUMBER}')),
                count(*) FILTER (regexp_full_match(v, '{COMMA}')),
                count(*) FILTER (v LIKE '%,%'),
                count(*) FILTER (regexp_full_match(v, '{GROUPED}')),
                count(*) FILTER (v LIKE '%.%'),
                count(*) FILTER (regexp_full_match(v, '{DOTTED}')),
                count(*) FILTER (regexp_full_match(v, '{ENGLISH}')),
                count(*) FILTER (regexp_full_match(v, '{ENGLISH_FRACTION}')),
                count(*) FILTER (lower(v) IN ({words})),
                count({moment_in("v")}) FILTER (NOT regexp_full_match(v, '{NUMBER}')),
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
            "points",
            "dotted",
            "english",
            "english fractions",
            "truths",
            "moments",
            "days",
        ]
        return dict(zip(names, map(int, counts), strict=True))

    def _judged(
        self, name: str, text: str, counts: dict[str, int], found: dict[str, Any]
    ) -> ColumnProfile:
        present = counts["present"]
        most = MIN_PARSED * present
        if counts["truths"] == present:
            yes = ", ".join(repr(word) for word in TRUE_WORDS)
            return ColumnProfile(name, "boolean", "yes or no", f"lower({text}) IN ({yes})", **found)
        if max(counts["days"], counts["moments"]) >= most:  # 20261231, or written with marks
            return self._moments(name, text, found)
        if read := self._written_number(name, text, present, counts, found):
            return read
        (unit,) = self.one(f"SELECT mode({unit_in(text)}) FROM raw")  # noqa: S608 - quoted
        if unit is not None:
            bare = without_unit(text, unit)
            counts_of_bare = self._counts(bare)
            if counts_of_bare["present"] >= most and (
                read := self._written_number(name, bare, present, counts_of_bare, found, unit)
            ):
                return read
        return self._words(name, text, present, counts["numbers"], found)

    def _written_number(
        self,
        name: str,
        text: str,
        present: int,
        counts: dict[str, int],
        found: dict[str, Any],
        unit: str = "",
    ) -> ColumnProfile | None:
        """Return a column of numbers, one left out that has two readings, or None."""
        most = MIN_PARSED * present
        behind = f", without their {unit}" if unit else ""
        # Money with three digits behind each point: 1.234 € is more often 1234 than 1.234.
        two_readings = unit != "" and 0 < counts["points"] == counts["dotted"]
        if counts["numbers"] >= most and not two_readings:
            return self._number(name, finite_number(text), present, found, f"numbers{behind}")
        if counts["english fractions"] and counts["english"] >= most:
            value = finite_number(f"replace({text}, ',', '')")
            return self._number(name, value, present, found, f"comma of thousands{behind}")
        if counts["marks"] and counts["commas"] >= most and counts["grouped"] < counts["marks"]:
            value = finite_number(f"replace(replace({text}, '.', ''), ',', '.')")
            return self._number(name, value, present, found, f"decimal comma{behind}")
        if max(counts["commas"], counts["numbers"]) < most or not (counts["marks"] or two_readings):
            return None
        mark = "," if counts["marks"] else "."
        why = f"1{mark}234 may be 1234 or 1.234; write one of them"
        return ColumnProfile(name, "left out", why, "NULL", **found)

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
        hint = self._hint(text, present) if distinct > MAX_SMALL else None
        if distinct > MAX_CATEGORIES or (distinct > MAX_SMALL and distinct > present / 2):
            (words,) = self.one(
                f"SELECT avg(len(string_split_regex({text}, '\\s+'))) FROM raw"  # noqa: S608 - quoted
            )
            if hint:
                return ColumnProfile(name, "left out", hint, "NULL", **found)
            if words >= MIN_WORDS:
                why = f"{distinct:,} distinct texts of {words:.1f} words: free text"
                return ColumnProfile(name, "text", why, text, **found)
            why = f"{distinct:,} distinct texts: an id or a name"
            return ColumnProfile(name, "left out", why, "NULL", **found)
        warning = hint
        if numbers:
            warning = f"numbers and words are mixed ({numbers / present:.0%} numbers)"
        return ColumnProfile(name, "category", f"{distinct} words", text, warning=warning, **found)

    def _hint(self, text: str, present: int) -> str | None:
        """Return how to write the values if they look like dates or numbers of another form."""
        dated, measured = self.one(
            f"""SELECT count(*) FILTER ({is_dated("v")}), count(*) FILTER ({is_measured("v")})
            FROM (SELECT {text} AS v FROM raw)"""  # noqa: S608 - names are quoted
        )
        if dated >= MIN_PARSED * present:
            return "dates of no form that is surely read; write them as 2026-12-31"
        if measured >= MIN_PARSED * present:
            return "numbers with words behind them; write the numbers alone to have numbers"
        return None
