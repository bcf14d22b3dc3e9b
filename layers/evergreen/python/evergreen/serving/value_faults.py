"""Single values: what is wrong with one value of a request, in words for its sender."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.columns import MAX_WHOLE, MISSING_CATEGORY
from evergreen.model_definition.moments import read_moment
from evergreen.serving.request_forms import ABSENT

if TYPE_CHECKING:
    from evergreen.model_definition import Feature

MAX_LISTED = 10
"""Most categories that an error lists."""

FLOAT32_END = 2.0**128 - 2.0**103
"""The smallest number that a 32-bit float rounds to infinity. The largest float itself is often
written in eight digits, 3.4028235e+38, which is a little more than its value."""
JSON_TYPES: dict[str, frozenset[type]] = {
    "float": frozenset({float, int}),
    "integer": frozenset({float, int}),
    "boolean": frozenset({bool}),
    "category": frozenset({str}),
    "text": frozenset({str}),
    "timestamp": frozenset({str}),
}


def fault(feature: Feature, value: object, known: frozenset[str] | None = None) -> str | None:
    """Return what is wrong with one value, or None if it fits; column checks give the same.

    ``known`` has the categories that the model takes, if it takes no others.
    """
    if value is ABSENT or value is None or value == MISSING_CATEGORY:
        return _missing(feature, value)
    if type(value) not in JSON_TYPES[feature.type]:
        return f"must be {_WORDS[feature.type]}, not {_kind(value)}"
    if isinstance(value, int | float):
        return _number_fault(feature, value)
    if feature.type == "timestamp" and isinstance(value, str) and read_moment(value) is None:
        return "must be a timestamp in ISO 8601, such as 2026-03-01T12:00:00Z"
    if known is not None and value not in known:
        return f"must be a category that the model takes: {_listed(known)}"
    return None


def _number_fault(feature: Feature, value: float) -> str | None:
    if abs(value) >= FLOAT32_END:
        return "is beyond the range of a 32-bit float"
    if feature.type != "integer":
        return None
    if isinstance(value, float) and not value.is_integer():
        return f"must be a whole number, not {value}"
    if abs(value) > MAX_WHOLE:
        return f"must be at most {MAX_WHOLE}: larger whole numbers are not exact in 32 bits"
    return None


def _missing(feature: Feature, value: object) -> str | None:
    if value == MISSING_CATEGORY and feature.is_numeric:
        return f"must be {_WORDS[feature.type]}, not an empty string"
    if feature.nullable:
        return None
    if value is ABSENT:
        return "is missing"
    return "must not be null" if value is None else "must not be an empty string"


_WORDS = {
    "float": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "category": "a string",
    "text": "a string",
    "timestamp": "a timestamp as a string, such as 2026-03-01T12:00:00Z",
}


def _listed(known: frozenset[str]) -> str:
    names = sorted(known - {MISSING_CATEGORY})
    more = f" and {len(names) - MAX_LISTED} more" if len(names) > MAX_LISTED else ""
    return ", ".join(names[:MAX_LISTED]) + more


def _kind(value: object) -> str:
    kinds: dict[type, str] = {bool: "a boolean", str: "a string", list: "a list", dict: "an object"}
    return kinds.get(type(value), "a number")
