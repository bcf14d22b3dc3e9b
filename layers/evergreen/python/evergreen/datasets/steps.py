"""The steps of a time series: which rows are of one series, and how far ahead each looks.

Steps are counted within a series, and of several horizons within each of them: a row is one step
after the row before it. So it does not matter whether the rows of one moment come in one request
or in many, and a series may end before another.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

ONE_SERIES = "all rows"


def track_of(definition: ModelDefinition, rows: pa.Table) -> NDArray[np.intp]:
    """Return the track of each of n rows, from 0: the rows of one series and horizon are one track.

    Without a column that tells them, all rows are of track 0.
    """
    names = [name for name in definition.step_features if name in rows.column_names]
    tracks = np.zeros(rows.num_rows, np.intp)
    for name in names:
        texts = np.array(rows[name].to_pylist(), dtype=object).astype(str)
        _, numbers = np.unique(texts, return_inverse=True)
        both = tracks * (int(numbers.max(initial=0)) + 1) + numbers
        _, tracks = np.unique(both, return_inverse=True)
    return tracks


def rows_per_step(definition: ModelDefinition, rows: pa.Table) -> int:
    """Return how many rows one step has: about as many as there are tracks at a time."""
    if not rows.num_rows:
        return 1
    longest = int(np.bincount(track_of(definition, rows)).max())
    return math.ceil(int(rows.num_rows) / longest)


def series_of(definition: ModelDefinition, rows: pa.Table) -> NDArray[np.str_]:
    """Return the name of the series of each of n rows."""
    name = definition.forecast and definition.forecast.series
    if not name or name not in rows.column_names:
        return np.full(rows.num_rows, ONE_SERIES)
    return np.array([value or "" for value in rows[name].to_pylist()], dtype=np.str_)


def steps_ahead(definition: ModelDefinition, rows: pa.Table) -> NDArray[np.float64]:
    """Return how many steps ahead each of n rows looks."""
    horizon = definition.forecast.horizon if definition.forecast else 1
    if isinstance(horizon, str) and horizon in rows.column_names:
        values: NDArray[np.float64] = rows[horizon].cast("float64").to_numpy()
        return values
    return np.full(rows.num_rows, float(definition.longest_horizon))


def unknown_before(
    definition: ModelDefinition, rows: pa.Table, order: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return which rows have an outcome that was not known when the next row was made.

    Parameters
    ----------
    definition
        A time series' definition.
    rows
        The rows.
    order
        Numbers of the rows before a moment, in the order of time.

    Returns
    -------
    The numbers of the last ``horizon - 1`` of these rows in each track.
    """
    left = steps_to_end(track_of(definition, rows)[order])
    return order[left + 1 < steps_ahead(definition, rows)[order]]


def steps_to_end(tracks: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return how many later rows of its track each row has: 0 for the newest.

    Parameters
    ----------
    tracks
        The track of each of n rows, oldest first.
    """
    by_track = np.argsort(tracks, kind="stable")
    ends = np.searchsorted(tracks[by_track], tracks[by_track], side="right")
    left = np.empty(tracks.size, np.intp)
    left[by_track] = ends - 1 - np.arange(tracks.size)
    return left
