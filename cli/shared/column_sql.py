"""The SQL that reads the values of a stranger's column, which are all text at first."""

from __future__ import annotations

_NOTHING = ("", "na", "n/a", "nan", "null", "none", "-", "?")
_MONTH = r"(19|20)\d{2}-(0[1-9]|1[0-2])"
_LARGEST = "3.4028234e38"
"""A model sees numbers in 32 bits. A larger one would be infinite there."""
_TIMES = ("", " %H:%M", " %H:%M:%S")
_FORMATS = (
    *(day + time for day in ("%d.%m.%Y", "%m/%d/%Y") for time in _TIMES),
    *("%Y/%m/%d", "%Y%m%d"),
)
_NAMED_DAYS = ("%d {} %Y", "%d-{}-%Y", "{} %d, %Y", "{} %d %Y")
_NAMED_FORMATS = (
    *(day.format(name) + time for day in _NAMED_DAYS for name in ("%b", "%B") for time in _TIMES),
    "%a, %d %b %Y %H:%M:%S",
)
_NAMED = r"\p{L}{3}"
_YEAR = r"\d{4}"


def moment_of(name: str) -> str:
    """Return the SQL that reads a column as a moment in UTC, or as seconds since 1970."""
    text = text_of(name)
    seconds = f"try_cast({text} AS DOUBLE)"
    return (
        f"coalesce({moment_in(text)}, CASE WHEN {seconds} BETWEEN 1e8 AND 1e10 "
        f"THEN make_timestamp(CAST({seconds} * 1000000 AS BIGINT)) END)"
    )


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text_of(name: str) -> str:
    """Return the SQL of a column's values as text, null for what stands for none."""
    nothing = ", ".join(repr(word) for word in _NOTHING)
    trimmed = f"trim(CAST({quoted(name)} AS VARCHAR))"
    return f"CASE WHEN lower({trimmed}) IN ({nothing}) THEN NULL ELSE {trimmed} END"


def finite_number(text: str) -> str:
    """Return the SQL that reads a text as a number that 32 bits hold, null if it is none."""
    number = f"try_cast({text} AS DOUBLE)"
    return f"CASE WHEN abs({number}) <= {_LARGEST} THEN {number} END"


def moment_in(text: str) -> str:
    """Return the SQL that reads a text as a moment in UTC, null if it is none.

    Moments are those of ISO 8601, days as Germans and Americans write them, and days with an
    English name of the month. A year has four digits.
    """
    month = (
        f"CASE WHEN regexp_full_match({text}, '{_MONTH}') THEN try_strptime({text}, '%Y-%m') END"
    )
    written, named = (
        f"try_strptime({text}, [{', '.join(map(repr, formats))}])"
        for formats in (_FORMATS, _NAMED_FORMATS)
    )
    return (
        f"CASE WHEN NOT regexp_matches({text}, '{_YEAR}') THEN try_cast({text} AS TIMESTAMP) "
        f"WHEN regexp_matches({text}, '{_NAMED}') "
        f"THEN coalesce({named}, try_cast({text} AS TIMESTAMP)) "
        f"ELSE coalesce({written}, try_cast({text} AS TIMESTAMP), {month}) END"
    )
