"""The SQL that reads the values of a stranger's column, which are all text at first."""

from __future__ import annotations

MISSING_WORDS = ("", "na", "n/a", "nan", "null", "none", "-", "?")
"""What files write, in small letters, where a value is missing."""
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
_SPACED_ZONE = r"\s+([+-]\d{2}(:?\d{2})?|Z)$"


def moment_of(name: str, *, as_written: bool = False) -> str:
    """Return the SQL that reads a column as a moment in UTC, or as seconds since 1970.

    ``as_written`` is that of :func:`moment_in`.
    """
    text = text_of(name)
    seconds = f"try_cast({text} AS DOUBLE)"
    return (
        f"coalesce({moment_in(text, as_written=as_written)}, "
        f"CASE WHEN {seconds} BETWEEN 1e8 AND 1e10 "
        f"THEN make_timestamp(CAST({seconds} * 1000000 AS BIGINT)) END)"
    )


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def text_of(name: str) -> str:
    """Return the SQL of a column's values as text, null for what stands for none."""
    nothing = ", ".join(repr(word) for word in MISSING_WORDS)
    trimmed = f"trim(CAST({quoted(name)} AS VARCHAR))"
    return f"CASE WHEN lower({trimmed}) IN ({nothing}) THEN NULL ELSE {trimmed} END"


def finite_number(text: str) -> str:
    """Return the SQL that reads a text as a number that 32 bits hold, null if it is none."""
    number = f"try_cast({text} AS DOUBLE)"
    return f"CASE WHEN abs({number}) <= {_LARGEST} THEN {number} END"


def moment_in(text: str, *, as_written: bool = False) -> str:
    """Return the SQL that reads a text as a moment in UTC, null if it is none.

    Moments are those of ISO 8601, days as Germans and Americans write them, and days with an
    English name of the month. A year has four digits. A text without a zone is in UTC, where the
    session's time zone is UTC, as that of :class:`cli.shared.strangers_tables.StrangersTable` is.

    Parameters
    ----------
    text
        The SQL of the text.
    as_written
        Whether to return the date and the time that the text has, whatever its zone is.
    """
    month = (
        f"CASE WHEN regexp_full_match({text}, '{_MONTH}') THEN try_strptime({text}, '%Y-%m') END"
    )
    written, named = (
        f"try_strptime({text}, [{', '.join(map(repr, formats))}])"
        for formats in (_FORMATS, _NAMED_FORMATS)
    )
    iso = _iso_moment(text, as_written=as_written)
    return (
        f"CASE WHEN NOT regexp_matches({text}, '{_YEAR}') THEN {iso} "
        f"WHEN regexp_matches({text}, '{_NAMED}') THEN coalesce({named}, {iso}) "
        f"ELSE coalesce({written}, {iso}, {month}) END"
    )


def _iso_moment(text: str, *, as_written: bool) -> str:
    # DuckDB reads no zone behind a space.
    joined = f"regexp_replace({text}, '{_SPACED_ZONE}', '\\1')"
    instant = f"try_cast({joined} AS TIMESTAMPTZ)"
    if as_written:
        # As a timestamp without a zone DuckDB reads what it does not understand behind one too.
        return f"CASE WHEN {instant} IS NOT NULL THEN try_cast({joined} AS TIMESTAMP) END"
    return f"timezone('UTC', {instant})"
