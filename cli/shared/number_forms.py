"""How strangers write numbers: which forms can be read surely, and which have two readings."""

from __future__ import annotations

NUMBER = r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"
COMMA = r"[+-]?(\d+|\d{1,3}(\.\d{3})+)(,\d+)?"
GROUPED = r"[+-]?\d{1,3}(,\d{3})+"
DOTTED = r"[+-]?\d{1,3}(\.\d{3})+"
ENGLISH = r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?"
ENGLISH_FRACTION = r"[+-]?\d{1,3}(,\d{3})+\.\d+"
"""Both marks: so the comma is that of thousands in the whole column."""
_UNITS = r"%|€|\$|£|¥|EUR|USD|GBP|CHF"
_SPACES = r"[ \x{a0}\x{202f}]"
_WITH_UNIT = (
    rf"(?i)[+-]?({_UNITS})?{_SPACES}*[+-]?"
    rf"(?:[\d.,]*\d[\d.,]*|\d{{1,3}}(?:{_SPACES}\d{{3}})+(?:[.,]\d+)?){_SPACES}*({_UNITS})?"
)
_MEASURED = r"[+-]?\d[\d.,]*\s*[^\d\s.,:/+-][^\d]*"
_WORD = r"[\p{L}]{3,}\.?"
_DATED = (
    rf"(?:\d{{1,2}}[. /-]+{_WORD}[, /-]+(?:\d{{2}}|\d{{4}})"
    rf"|{_WORD} \d{{1,2}},? (?:\d{{2}}|\d{{4}})|{_WORD} \d{{4}}"
    r"|\d{1,2}[./-]\d{1,2}[./-](?:\d{2}|\d{4}))(?:[ T,].*)?"
)


def unit_in(text: str) -> str:
    """Return the SQL of the percent sign or currency of a number, null if it has none.

    Parameters
    ----------
    text
        The SQL of the text.
    """
    sides = ", ".join(
        f"nullif(regexp_extract({text}, '^(?:{_WITH_UNIT})$', {side}), '')" for side in (1, 2)
    )
    return f"upper(coalesce({sides}))"


def without_unit(text: str, unit: str) -> str:
    """Return the SQL of a number as text, null if it has not this unit.

    Parameters
    ----------
    text
        The SQL of the number with its unit.
    unit
        As :func:`unit_in` gives it.
    """
    bare = f"regexp_replace({text}, '(?i){_UNITS}|{_SPACES}', '', 'g')"
    return f"CASE WHEN {unit_in(text)} = '{unit}' THEN {bare} END"


def is_measured(text: str) -> str:
    """Return the SQL of whether a text is a number with a word behind it, such as 12 kg."""
    return f"regexp_full_match({text}, '{_MEASURED}')"


def is_dated(text: str) -> str:
    """Return the SQL of whether a text looks like a date, however it is written."""
    return f"regexp_full_match({text}, '{_DATED}')"
