"""A model definition with a feature of each type, and rows for it, for the tests of data sets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from evergreen.model_definition import Feature, ModelDefinition

START = datetime(2026, 1, 1, tzinfo=UTC)


def definition(**changes: Any) -> ModelDefinition:
    values: dict[str, Any] = {
        "name": "fruit",
        "task": "classification",
        "target": "ripe",
        "features": {
            "size": Feature(type="float", nullable=True),
            "organic": Feature(type="boolean"),
            "colour": Feature(type="category", nullable=True),
        },
    }
    return ModelDefinition.model_validate(values | changes)


def table_of(rows: list[tuple[Any, ...]]) -> pa.Table:
    size, organic, colour, ripe, minute = zip(*rows, strict=True)
    return pa.table(
        {
            "colour": list(colour),
            "size": pa.array(size, pa.float64()),
            "organic": list(organic),
            "ripe": list(ripe),
            "timestamp": pa.array(
                [START + timedelta(minutes=at) for at in minute], pa.timestamp("ns", tz="UTC")
            ),
            "left over": ["x"] * len(rows),
        }
    )
