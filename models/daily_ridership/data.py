"""Data of the example: daily riders at a station of the Chicago "L", 2001 to 2016.

Source and licence of ``data.csv.gz``: ``DATA_LICENSE.md``. A row is a forecast that is made on one
day for the same weekday of the next week. It holds what is known on that day, and the ground truth
for training and evaluation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandas.tseries.holiday import USFederalHolidayCalendar

if TYPE_CHECKING:
    from collections.abc import Collection

FILE = Path(__file__).parent / "data.csv.gz"
TARGET = "riders"
TIME = "timestamp"
HORIZON = 7
LAGS = (7, 8, 9, 10, 11, 12, 13, 14, 21, 28)
"""Lags in days before the day that is forecast. The forecast is made seven days before it."""
NUMBERS = (*(f"riders_{lag}_days_before" for lag in LAGS), "day_of_year")
BOOLEANS = ("holiday", "holiday_7_days_before")
FEATURES = (*NUMBERS, "weekday", *BOOLEANS)
"""Features in the order of ``model.toml``."""

SOURCE = 'modeldata, daily ridership of the Chicago "L"'
TRAINED_ON = (2001, 2002)
REPLAYED = (2005, 2006, 2007, 2008)
FRACTION = 1.0
BATCH_ROWS = 7


def load(periods: Collection[int] = range(2001, 2017), fraction: float = 1.0) -> pd.DataFrame:
    """Return one row per day with features, label and the day of the forecast, oldest first.

    Parameters
    ----------
    periods
        Years of the day that is forecast, 2001 to 2016.
    fraction
        Must be 1, because a time series is used whole.

    Returns
    -------
    DataFrame
        Columns: the 14 features in model order (numbers and booleans float32, the weekday object),
        ``riders`` (float64, thousands of people on the day that is forecast) and ``timestamp``
        (the day the forecast is made, 00:00 UTC, microseconds).

    Raises
    ------
    ValueError
        If ``fraction`` is not 1.
    """
    if fraction != 1:
        raise ValueError("a time series has no smaller sample; use it whole")
    days = pd.read_csv(FILE, parse_dates=["date"]).set_index("date")["ridership"]
    # A day that is missing in the file would shift every lag after it.
    days = days.asfreq("D")
    dates = pd.DatetimeIndex(days.index)
    holidays = pd.Series(dates.isin(USFederalHolidayCalendar().holidays(dates[0], dates[-1])))
    rows = pd.DataFrame(
        {
            **{f"riders_{lag}_days_before": days.shift(lag).to_numpy() for lag in LAGS},
            "day_of_year": dates.dayofyear,
            "weekday": dates.day_name(),
            "holiday": holidays,
            "holiday_7_days_before": holidays.shift(HORIZON),
            TARGET: days.to_numpy(),
            TIME: (dates - pd.Timedelta(days=HORIZON)).tz_localize("UTC").as_unit("us"),
        }
    )
    rows = rows[dates.year.isin(set(periods))].dropna()
    kinds = dict.fromkeys((*NUMBERS, *BOOLEANS), np.float32) | {"weekday": object}
    return rows.astype({**kinds, TARGET: np.float64}).reset_index(drop=True)[
        [*FEATURES, TARGET, TIME]
    ]


def period_name(period: int) -> str:
    """Return the name of a period: the year."""
    return str(period)
