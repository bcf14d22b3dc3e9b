"""Moments in a data file, as the features that a model learns from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.errors import EvergreenError
from evergreen.lake.tables import TIMESTAMP_TYPE
from evergreen.model_definition.moments import derive, read_moment

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import Feature


def derived_values(
    feature: Feature, moments: pa.ChunkedArray, times: pa.ChunkedArray, where: str
) -> pa.ChunkedArray:
    """Return a derived feature of n rows, as serving computes it for one.

    Parameters
    ----------
    feature
        A derived feature.
    moments
        Its moments: timestamps, dates, or texts in ISO 8601; in UTC where they name no zone.
    times
        The times of the rows, with a zone.
    where
        The model and the moment, for errors.

    Raises
    ------
    EvergreenError
        If a value is no timestamp.
    """
    assert feature.derivation is not None
    rows = times.cast(TIMESTAMP_TYPE).to_pylist()
    values = [
        None if moment is None else float(derive(feature.derivation, moment, row))
        for moment, row in zip(_read(moments, where), rows, strict=True)
    ]
    return pa.chunked_array([pa.array(values, pa.float64())])


def _read(moments: pa.ChunkedArray, where: str) -> list[datetime | None]:
    kind = moments.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        found: list[datetime | None] = _in_utc(moments).to_pylist()
        return found
    read: list[datetime | None] = []
    for place, text in enumerate(moments.cast(pa.string()).to_pylist()):
        moment = read_moment(text) if text else None
        if text and moment is None:
            raise EvergreenError(
                f"{text!r} in row {place + 1} is no timestamp",
                where=where,
                fix="Write timestamps in ISO 8601, such as 2026-03-01T12:00:00Z.",
            )
        read.append(moment)
    return read


def _in_utc(moments: pa.ChunkedArray) -> pa.ChunkedArray:
    if getattr(moments.type, "tz", None) is None:  # taken as UTC, as in a request
        moments = moments.cast(pa.timestamp("us"), safe=False)
    return moments.cast(TIMESTAMP_TYPE, safe=False)
