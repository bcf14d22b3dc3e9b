"""A day of the request log as Firehose lands it: JSON lines in objects below the raw prefix."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.capture.request_log import RequestLogWriter
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition import ModelDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NUMBERS = [f"feature_{number:02}" for number in range(15)]
CATEGORIES = [f"category_{number}" for number in range(5)]
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "flight_delay",
        "task": "classification",
        "target": "late",
        "features": {name: {"type": "float"} for name in NUMBERS}
        | {name: {"type": "category"} for name in CATEGORIES},
    }
)
DAY = datetime(2026, 3, 2, tzinfo=UTC)
DATABASE = "evergreen_benchmark"
ROWS_A_REQUEST = 100
_WORDS = ("alpha", "beta", "gamma", "delta")
_ROWS_AN_OBJECT = 5_000
_REPEATED = 100
"""Firehose delivers at least once: of so many requests, one comes a second time."""


def write_day(folder: Path, rows: int) -> int:
    """Write so many rows, spread over a day; return the number of bytes, repeated ones included."""
    prefix = folder / REQUEST_LOG.raw_prefix(DEFINITION.name, DAY.date())
    written = 0
    objects = -(-rows // _ROWS_AN_OBJECT)
    together = batched(_requests(rows), _ROWS_AN_OBJECT // ROWS_A_REQUEST, strict=False)
    for number, requests in enumerate(together):
        again = [line for place, line in requests if place % _REPEATED == 0]
        body = b"".join([*(line for _, line in requests), *again])
        file = prefix / f"{number * 24 // objects:02}" / f"part-{number:05}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
        written += len(body)
    return written


def _requests(rows: int) -> Iterator[tuple[int, bytes]]:
    draw = np.random.default_rng(1)
    writer = RequestLogWriter(DEFINITION)
    count = -(-rows // ROWS_A_REQUEST)
    for number in range(count):
        size = min(ROWS_A_REQUEST, rows - number * ROWS_A_REQUEST)
        yield number, _lines(writer, draw, number / count, size)


def _lines(writer: RequestLogWriter, draw: np.random.Generator, part: float, size: int) -> bytes:
    written: dict[str, list[Any]] = {
        name: draw.normal(100, 30, size).round(3).tolist() for name in NUMBERS
    }
    written |= {name: draw.choice(_WORDS, size).tolist() for name in CATEGORIES}
    return writer.lines(
        timestamp=DAY + part * timedelta(days=1),
        request_id=str(uuid.UUID(bytes=draw.bytes(16), version=4)),
        model_version="3",
        written=written,
        outputs=(draw.random(size) < 0.3).tolist(),
        confidences=draw.random(size).tolist(),
        metadata={
            "source_ip": "192.0.2.1",
            "user_agent": "python-requests/2.32",
            "batch_size": size,
            "role": "champion",
            "inference_ms": 0.215,
        },
    )
