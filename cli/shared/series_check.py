"""Checks of the rows of a time series: what comes twice, what is missing, and the worst series."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.datasets.steps import series_of, track_of
from evergreen.evaluation.rolling_origin import seasonal_naive
from evergreen.evaluation.series_scores import score_series

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

NAIVE_ANSWER = "the seasonal naive forecast"
_NAMED = 3


def find_series_faults(definition: ModelDefinition, rows: pa.Table) -> list[str]:
    """Return a warning for rows of one step that come twice, and for steps that are missing.

    Both are judged within each series, and within each horizon of it. A step is the most frequent
    time between two rows of a series.

    Parameters
    ----------
    definition
        A time series' definition; of another task nothing is found.
    rows
        The labelled rows with ``timestamp``.
    """
    if definition.forecast is None or rows.num_rows < 2:
        return []
    tracks, names = track_of(definition, rows), series_of(definition, rows)
    times = rows["timestamp"].cast("int64").to_numpy()
    order = np.lexsort((times, tracks))
    gaps, inside = np.diff(times[order]), np.diff(tracks[order]) == 0
    of = names[order][1:]
    warnings = []
    twice = inside & (gaps == 0)
    if twice.any():
        warnings.append(
            f"{twice.sum():,} rows have series and time of another row ({_worst(of, twice)}): does "
            "forecast.series name what tells the series apart?"
        )
    steps = gaps[inside & (gaps > 0)]
    if steps.size:
        values, counts = np.unique(steps, return_counts=True)
        step = values[counts.argmax()]
        # A month or a working day has no fixed length: a gap is one of more than three steps.
        missing = inside & (gaps > 3 * step)
        if missing.any():
            warnings.append(
                f"more than three steps of a series are missing at {missing.sum():,} places "
                f"({_worst(of, missing)}): lags that count rows would be wrong there"
            )
    return warnings


def series_notes(
    definition: ModelDefinition,
    holdout: pa.Table,
    truth: NDArray[np.float64],
    said: NDArray[np.float64],
) -> list[str]:
    """Return how the worst series and each horizon do against the seasonal naive forecast."""
    scores = score_series(definition, holdout, truth, champion=None, challenger=said)
    notes = []
    for feature in dict.fromkeys(score.feature for score in scores):
        found = [score for score in scores if score.feature == feature]
        is_series = definition.forecast is not None and feature == definition.forecast.series
        worse = sum(score.is_worse for score in found)
        notes.append(f"{feature}: {NAIVE_ANSWER} is better for {worse:,} of {len(found):,}")
        notes += [
            f"  {score.value}: {definition.metric} {score.challenger:.4g}, "
            f"{score.seasonal_naive:.4g} by {NAIVE_ANSWER} ({score.rows:,} rows)"
            for score in (found[:_NAMED] if is_series else found)
        ]
    return notes


def naive_forecasts(definition: ModelDefinition, holdout: pa.Table) -> dict[str, Any]:
    """Return the seasonal naive forecasts of rows by their name; of another task none."""
    return (
        {} if definition.forecast is None else {NAIVE_ANSWER: seasonal_naive(definition, holdout)}
    )


def _worst(names: NDArray[np.str_], marked: NDArray[np.bool_]) -> str:
    """Return the series that have most of the marked rows."""
    found, counts = np.unique(names[marked], return_counts=True)
    first = np.argsort(-counts, kind="stable")[:_NAMED]
    return ", ".join(f"{found[place]}: {counts[place]:,}" for place in first)
