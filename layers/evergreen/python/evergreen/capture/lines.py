"""JSON lines: how capture writes records.

NaN and infinity are not JSON. They are written as null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

_ENCODER = msgspec.json.Encoder()


def to_lines(records: Sequence[Any]) -> bytes:
    """Return each record as one line of JSON in UTF-8, with a newline at its end."""
    return _ENCODER.encode_lines(records)


def to_raw(value: object) -> msgspec.Raw:
    """Return a value that is part of many records, encoded once for all of them."""
    return msgspec.Raw(_ENCODER.encode(value))
