"""How tables of other people are cut, and what may be run when."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from tests.benchmarks.loop.__main__ import main
from tests.benchmarks.loop.public import cutting, halves
from tests.benchmarks.loop.public.catalogue import PUBLIC
from tests.benchmarks.loop.public.choices import days_between
from tests.benchmarks.loop.public.cutting import (
    Public,
    bounds_of,
    definition_of,
    series_of,
    thin,
    window_of,
)
from tests.benchmarks.loop.public.drawn import draw_rows
from tests.benchmarks.loop.public.drawn_large import shuffle_target
from tests.benchmarks.loop.public.forecasts import past_of
from tests.benchmarks.loop.public.halves import PUBLISHED, half_of
from tests.benchmarks.loop.public.next_outcomes import form_before
from tests.benchmarks.loop.public.places import before
from tests.benchmarks.loop.public.reading import known_mean
from tests.benchmarks.loop.public.slow_forecasts import by_month
from tests.benchmarks.loop.running import names_of


def times(first: str, last: str, every: str) -> pd.Series:
    return pd.Series(pd.date_range(first, last, freq=every, tz="UTC").as_unit("us"))


def test_each_series_is_in_the_half_that_its_name_says() -> None:
    seen = {name for name in PUBLIC if half_of(name) == "seen"}
    once = set(names_of("once"))
    assert seen | once == set(PUBLIC)
    assert seen == set(names_of("seen"))
    # Written down before any was replayed.
    assert sorted(once) == [
        *("attacks_world", "dengue_notified", "fires_lightning", "magnetic_storms"),
        *("minutes_aloft", "mortality_usa", "oil_price", "solar_panels", "soldiers_shuffled"),
        *("sun_flux", "sunlight", "trains_chicago", "work_quiet"),
    ]


def test_what_was_run_once_may_be_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(names_of("seen")) > PUBLISHED
    monkeypatch.setattr(halves, "PUBLISHED", frozenset())
    assert {half_of(name) for name in PUBLISHED} == {"once"}


def test_a_quick_run_has_a_few_of_those_that_may_be_looked_at() -> None:
    few = names_of("seen", few=True)
    assert set(few) < set(names_of("seen"))
    assert {PUBLIC[name].task for name in few} == {"classification", "regression", "time_series"}
    assert any(PUBLIC[name].quiet for name in few)


@pytest.mark.parametrize("half", ["seen", "once"])
def test_a_half_has_forecasts_tables_and_a_world_in_which_nothing_drifts(half: str) -> None:
    there = [public for public in PUBLIC.values() if half_of(public.name) == half]
    assert {public.task for public in there} == {"classification", "regression", "time_series"}
    assert any(public.quiet for public in there)
    assert all(public.source for public in there)


def test_what_was_not_run_yet_is_not_run_by_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--series", "sun_flux"])
    assert "say --part once" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("last", "days", "count"),
    [("2020-12-30", 7, 41), ("2023-12-30", 30.4, 37), ("2039-12-30", 91.3, 63)],
)
def test_long_series_have_long_periods(last: str, days: float, count: int) -> None:
    bounds = bounds_of(times("2020-01-01", last, "D"))
    assert len(bounds) - 1 == count
    assert (bounds[-1] - bounds[0]) / count / timedelta(days=1) == pytest.approx(days, rel=0.02)


def test_the_first_fifth_is_known_before_the_first_period() -> None:
    assert bounds_of(times("2020-01-01", "2024-12-31", "D"))[0] == datetime(2021, 1, 1, tzinfo=UTC)


def test_forecasts_are_thinned_evenly_and_tables_by_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "MOST_ROWS", 40)
    rows = pd.DataFrame({"timestamp": times("2020-01-01", "2020-04-09", "D")})
    even, step = thin(rows, in_order=True)
    assert (step, len(even)) == (3, 34)
    assert set(even["timestamp"].diff().dropna()) == {pd.Timedelta(days=3)}
    drawn, _ = thin(rows, in_order=False)
    assert len(drawn) == 40
    assert drawn["timestamp"].is_monotonic_increasing
    pd.testing.assert_frame_equal(drawn, thin(rows, in_order=False)[0])


def test_a_check_looks_back_to_twice_the_rows_it_needs() -> None:
    days = times("2020-01-01", "2021-12-31", "D")
    bounds = tuple(datetime(2020, month, 1, tzinfo=UTC) for month in range(1, 13))
    # 31 rows in the middle month, of 400 that are wanted: 13 months.
    assert window_of(days, bounds) == 13 * (bounds[-1] - bounds[0]) / 11
    hours = times("2020-01-01", "2020-12-31", "h")
    assert window_of(hours, bounds) == (bounds[-1] - bounds[0]) / 11


def test_a_forecast_knows_nothing_of_the_time_after_it_is_made() -> None:
    index = pd.date_range("2020-01-01", periods=20, freq="D", tz="UTC").as_unit("us")
    values = pd.Series(np.arange(20.0), index=index)
    values.iloc[12] = np.nan
    rows = past_of(values, 2, (2, 3, 7), 7, ("weekday",))
    made = (rows["timestamp"] - index[0]).dt.days
    assert (rows["value"] == made + 2).all()
    assert (rows["before_2"].dropna() <= made[rows["before_2"].notna()]).all()
    assert (rows["before_7"] == rows["value"] - 7).all()
    assert rows["weekday"].iloc[0] == index[7].weekday()
    # Neither what has no outcome nor what has no baseline is asked for.
    assert sorted(rows["value"]) == [*range(7, 12), *range(13, 19)]


def test_a_month_is_known_when_it_is_over() -> None:
    values = by_month(pd.Series([1.0, 2.0, 3.0]), "2019-11-01")
    assert [moment.isoformat()[:10] for moment in values.index] == [
        *("2019-12-01", "2020-01-01", "2020-02-01")
    ]
    assert list(values) == [1.0, 2.0, 3.0]


def test_drawn_rows_are_those_of_the_table_in_an_order_of_their_own() -> None:
    def load() -> pd.DataFrame:
        return pd.DataFrame({"value": [1.0, 2.0, 4.0], "same": [10.0, 20.0, 40.0]})

    rows = draw_rows(load, (1, 2), "2020-12-31", "D")
    assert len(rows) == 366
    assert set(rows["value"]) == {1.0, 2.0, 4.0}
    assert (rows["same"] == 10 * rows["value"]).all()
    assert not rows["value"].is_monotonic_increasing
    pd.testing.assert_frame_equal(rows, draw_rows(load, (1, 2), "2020-12-31", "D"))
    assert (rows["value"] != draw_rows(load, (1, 3), "2020-12-31", "D")["value"]).any()


def test_shuffled_targets_are_the_same_ones_and_belong_to_no_row() -> None:
    def load() -> pd.DataFrame:
        return pd.DataFrame({"value": range(500), "target": range(500)})

    rows = shuffle_target(load, "target", (1, 2))
    assert list(rows["value"]) == list(range(500))
    assert sorted(rows["target"]) == list(range(500))
    assert abs(rows["value"].corr(rows["target"])) < 0.2


def test_a_place_is_told_what_it_had_so_many_periods_before() -> None:
    rows = pd.DataFrame(
        {"place": ["b", "a", "a", "a"], "period": [3, 3, 1, 4], "value": [9.0, 3.0, 1.0, 4.0]},
        index=[7, 5, 3, 1],
    )
    found = before(rows, "value", "place", "period", 2)
    assert list(found.index) == [7, 5, 3, 1]
    assert found[5] == 1.0
    # There is no other place, and no earlier period.
    assert found[[7, 3, 1]].isna().all()


def test_of_earlier_outcomes_only_those_are_told_that_are_known() -> None:
    moments = times("2020-01-01", "2020-01-05", "D")
    values = pd.Series([1, 0, 0, 1, 1])
    keys = pd.Series(["a", "b", "a", "a", "a"])
    found = known_mean(values, moments, keys, timedelta(days=1))
    assert list(found["known"]) == [0, 0, 1, 2, 3]
    assert found["mean"].isna().tolist() == [True, True, False, False, False]
    assert list(found["mean"][2:]) == [1.0, 0.5, pytest.approx(2 / 3)]
    later = known_mean(values, moments, keys, timedelta(days=2))
    assert list(later["known"]) == [0, 0, 1, 1, 2]


def test_of_a_customer_only_other_days_count_as_a_return() -> None:
    rows = pd.DataFrame(
        {
            "customer": ["a", "b", "a", "a", "b"],
            "timestamp": times("2020-01-01", "2020-01-05", "D").iloc[[0, 0, 2, 2, 4]].to_numpy(),
        },
        index=[9, 8, 7, 6, 5],
    )
    found = days_between(rows, "customer")
    assert list(found.index) == [9, 8, 7, 6, 5]
    assert list(found["after"][:2]) == [2.0, 4.0]
    assert list(found["before"][2:]) == [2.0, 2.0, 4.0]
    # The two orders of one day are one visit: neither follows the other.
    assert found["before"][:2].isna().all()
    assert found["after"][2:].isna().all()


def test_the_form_of_a_team_is_of_its_five_games_before() -> None:
    home = ["a", "b", "a", "b", "a", "b"]
    away = ["b", "a", "b", "a", "b", "c"]
    games = pd.DataFrame(
        {"HomeTeam": home, "AwayTeam": away, "HomeGoals": [2, 1, 0, 0, 3, 9], "AwayGoals": 1}
    )
    form = form_before(games)
    # Not one team has five games behind it before the sixth, and one of that has none.
    assert form.iloc[:5].isna().all(axis=None)
    assert form.loc[5, ["away_points", "away_goals"]].isna().all()
    # b lost by one, drew, won by one, lost by one, lost by two: the game itself is not told.
    assert form.loc[5, "home_points"] == pytest.approx((0 + 1 + 3 + 0 + 0) / 5)
    assert form.loc[5, "home_goals"] == pytest.approx((-1 + 0 + 1 - 1 - 2) / 5)


@pytest.mark.parametrize("name", PUBLIC)
def test_each_series_is_a_model_that_the_library_takes(name: str) -> None:
    public = PUBLIC[name]
    definition = definition_of(public, 1, timedelta(days=7), timedelta(days=7))
    assert definition.name == name
    assert public.target not in definition.features
    assert re.search(r"GPL-3|BSD-\d-Clause|MIT|CC BY|public domain", public.source)


def test_all_but_what_the_table_is_stays_at_its_default() -> None:
    public = Public(
        "made_up",
        "Nothing.",
        "nobody",
        "time_series",
        "value",
        {"before": "float", "kind": "category", "sometimes": "float?"},
        timedelta(days=8),
        lambda: pd.DataFrame({"timestamp": times("2020-01-01", "2021-12-31", "D"), "value": 1.0}),
        {"horizon": 7, "seasonal_naive": "before"},
    )
    series = series_of(public, quick=False)
    definition = series.definition
    assert definition.features["sometimes"].nullable
    assert not definition.features["kind"].nullable
    told = {"name", "task", "target", "features", "forecast", "drift"}
    assert definition.model_dump(exclude_defaults=True).keys() == told
    assert definition.drift.model_dump(exclude_defaults=True).keys() == {"schedules"}
    assert (series.settings, series.split) == ("default", half_of("made_up"))
    assert len(series_of(public, quick=True).periods) <= cutting.QUICK_PERIODS
