"""Two synthetic streams whose drift is known, because it is put there.

``abrupt``: two classes that a moving threshold divides, the SEA concepts (W. Street and Y. Kim,
"A streaming ensemble algorithm (SEA) for large-scale classification", *KDD* 2001). The inputs never
move; only what they mean does, twice, from one day to the next.

``recurring``: a number that depends on two inputs in one way, comes to depend on them in another
over three months, and later returns; while the second way lasts the inputs lie elsewhere, too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline

from evergreen.model_definition import ModelDefinition
from tests.benchmarks.loop.series import Series, month_starts, monthly

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

SEED = 20130101
ROWS_A_DAY = 40
NAMES = ("first", "second", "third")
DRAWS = 3
"""How often each stream is drawn: a rule that suits one draw may have been lucky."""
_APART = 1000
_FIRST = (2020, 1)
_START = datetime(2020, 1, 1, tzinfo=UTC)
ABRUPT_MONTHS = (10, 20)
"""Numbers of the months, from 0, at whose first moment the threshold jumps."""
RECURRING_MONTHS = ((8, 11), (22, 25))
"""From and to which month the second way comes, and goes."""


def abrupt(draw: int = 1, months: int = 30, rows_a_day: int = ROWS_A_DAY) -> Series:
    """Return a draw of the stream of two classes; the first champion knows three months."""
    random = np.random.default_rng(SEED + _APART * (draw - 1))
    times, month = _times(months, rows_a_day)
    inputs = random.uniform(0, 10, size=(3, times.size))
    jumps = np.searchsorted(ABRUPT_MONTHS, month, side="right")
    above = inputs[0] + inputs[1] > np.array([8.0, 12.0, 7.0])[jumps]
    flipped = random.random(times.size) < 0.1
    rows = _frame(inputs, times).assign(above=(above ^ flipped).astype(np.int64))
    return _series("abrupt", draw, "above", "classification", rows, months)


def recurring(draw: int = 1, months: int = 36, rows_a_day: int = ROWS_A_DAY) -> Series:
    """Return a draw of the stream of numbers; the first champion knows three months."""
    random = np.random.default_rng(SEED + 1 + _APART * (draw - 1))
    times, month = _times(months, rows_a_day)
    (comes, there), (goes, gone) = RECURRING_MONTHS
    share = np.interp(month, [comes, there, goes, gone], [0.0, 1.0, 1.0, 0.0])
    second = random.random(times.size) < share
    inputs = random.normal(size=(3, times.size))
    inputs[0] += second
    value = np.where(second, inputs[1] - 2 * inputs[0], 2 * inputs[0] + inputs[1])
    rows = _frame(inputs, times).assign(value=value + random.normal(size=times.size))
    return _series("recurring", draw, "value", "regression", rows, months)


def _series(
    name: str, draw: int, target: str, task: str, rows: pd.DataFrame, months: int
) -> Series:
    definition = ModelDefinition.model_validate(
        {
            "name": name,
            "task": task,
            "target": target,
            "features": {column: {"type": "float"} for column in NAMES},
            "retraining": {
                "on": ["data_drift", "performance"],
                "training_window_rows": 90 * ROWS_A_DAY,
            },
            "evaluation": {"min_labelled_rows": 400, "max_holdout_rows": 15 * ROWS_A_DAY},
        }
    )
    about = (__doc__ or "").split("\n\n")[1 if name == "abrupt" else 2]
    served = month_starts((2020, 4), (2020 + months // 12, months % 12 + 1))
    return Series(
        name=name if draw == 1 else f"{name}, draw {draw}",
        about=" ".join(about.split()),
        definition=monthly(definition),
        trainer=_classify if task == "classification" else _regress,
        rows=rows,
        bounds=served,
        label_delay=timedelta(days=3),
        window=timedelta(0),
        block=timedelta(days=1),
    )


def _classify(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    return _pipeline(HistGradientBoostingClassifier(random_state=0)).fit(features, target)


def _regress(features: pd.DataFrame, target: pd.Series) -> Pipeline:
    return _pipeline(HistGradientBoostingRegressor(random_state=0)).fit(features, target)


def _pipeline(model: BaseEstimator) -> Pipeline:
    columns = ColumnTransformer([("numbers", "passthrough", list(NAMES))])
    return Pipeline([("columns", columns), ("model", model)])


def _times(months: int, rows_a_day: int) -> tuple[pd.DatetimeIndex, NDArray[np.float64]]:
    """Return evenly spread moments, and for each the months that have passed since the first."""
    starts = month_starts(_FIRST, (2020 + months // 12, months % 12 + 1))
    days = (starts[-1] - _START).days
    times = pd.date_range(_START, periods=days * rows_a_day, freq=timedelta(days=1) / rows_a_day)
    bounds = np.array([moment.timestamp() for moment in starts])
    seconds = (times - pd.Timestamp(0, tz="UTC")).total_seconds().to_numpy()
    which = np.searchsorted(bounds, seconds, side="right") - 1
    return times.as_unit("us"), which + (seconds - bounds[which]) / np.diff(bounds)[which]


def _frame(inputs: NDArray[np.float64], times: pd.DatetimeIndex) -> pd.DataFrame:
    columns = {name: values.astype(np.float32) for name, values in zip(NAMES, inputs, strict=True)}
    return pd.DataFrame({**columns, "timestamp": times})
