"""JSON as its standard has it, and the tokens that many writers put there all the same."""

from __future__ import annotations

import math
from typing import Any

from pydantic_core import from_json


def parse_strict_json(text: str | bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Read JSON, and refuse ``NaN`` and ``Infinity``, which it does not have.

    Raises
    ------
    ValueError
        If it is not JSON; of such a token the message has the field and what to send instead.
    """
    try:
        content = from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(nan_fault(text) or str(error)) from None
    # A number that no 64-bit float can hold is read as infinity.
    if fault := _fault_in(content):
        raise ValueError(fault)
    return content


def nan_fault(text: str | bytes) -> str | None:
    """Say which field of a text that is not JSON is ``NaN`` or ``Infinity``; None if none is."""
    try:
        return _fault_in(from_json(text))
    except ValueError:
        return None


def _fault_in(content: object) -> str | None:
    """Return what is wrong with the first number that is not finite, with its path."""
    left = [("", content)]
    while left:
        path, value = left.pop()
        if isinstance(value, float) and not math.isfinite(value):
            name = "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
            return f"{path.removeprefix('.') or '$'}: {name} is not JSON, send null"
        if isinstance(value, dict):
            left += [(f"{path}.{name}", each) for name, each in reversed(value.items())]
        elif isinstance(value, list):
            left += [
                (f"{path or '$'}[{number}]", value[number])
                for number in range(len(value) - 1, -1, -1)
            ]
    return None
