"""Arrow arrays of the values that JSON lines hold; null where a value is not plainly fine."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import msgspec

TIME = pa.timestamp("us", tz="UTC")
_LENGTH = len("2026-01-31T08:00:00.000000Z")
_FIRST = datetime(1, 1, 2, tzinfo=UTC)
_ROWS = range(2**63)


def row_array(values: list[int]) -> pa.Array:
    """Return row numbers, null where one is none: negative or beyond 63 bits."""
    if all(map(_ROWS.__contains__, values)):
        return pa.array(values, pa.int64())
    return pa.array([value if value in _ROWS else None for value in values], pa.int64())


def number_array(values: list[float | None]) -> pa.Array:
    """Return numbers, null for NaN: in JSON, which has none, it stands for what is missing."""
    return pa.array(np.array(values, dtype=np.float64), pa.float64(), from_pandas=True)


def text_array(values: list[str]) -> pa.Array:
    """Return texts, null where one is empty."""
    if all(values):
        return pa.array(values, pa.string())
    return pa.array([value or None for value in values], pa.string())


def json_array(parts: list[msgspec.Raw]) -> pa.Array:
    """Return pieces of JSON as texts; they are UTF-8, as they could be read."""
    lengths = [memoryview(part).nbytes for part in parts]
    offsets = np.zeros(len(parts) + 1, np.int32)
    np.cumsum(lengths, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(b"".join(parts))]
    return pa.Array.from_buffers(pa.string(), len(parts), buffers)


def time_array(values: list[str]) -> pa.Array:
    """Return times, null where one has another form than ours: a time may be written in many."""
    plain = [value if len(value) == _LENGTH and value[-1] == "Z" else None for value in values]
    try:
        times = pa.array(plain, pa.string()).cast(TIME)
    except pa.ArrowInvalid:
        times = pa.array([_time(value) for value in plain], TIME)
    # What Arrow takes for a year 0, Python does not.
    early = pc.less(times, pa.scalar(_FIRST, TIME))
    return pc.if_else(early, pa.scalar(None, TIME), times)


def _time(text: str | None) -> datetime | None:
    try:
        return None if text is None else pa.scalar(text).cast(TIME).as_py()
    except (pa.ArrowInvalid, OverflowError, ValueError):
        return None
