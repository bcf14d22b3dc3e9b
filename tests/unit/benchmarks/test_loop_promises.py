"""The six promises, on replays whose numbers are given."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from evergreen.model_definition import ModelDefinition
from tests.benchmarks.loop.promises import by_the_first_promise, decided_by_chance, promises_of
from tests.benchmarks.loop.public.recipe import regress
from tests.benchmarks.loop.replay import Outcome, Period
from tests.benchmarks.loop.replayed import Replayed
from tests.benchmarks.loop.series import Series, month_starts

START = datetime(2020, 1, 1, tzinfo=UTC)
BOUNDS = month_starts((2020, 1), (2022, 1))
ROWS = 480
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "given",
        "task": "regression",
        "target": "value",
        "features": {"first": {"type": "float"}},
    }
)


def given(
    *, errors: dict[str, float], ours: str, calendar: str = "p" * 23, quiet: bool = False
) -> Replayed:
    """A replay with these root mean square errors; of ours and the calendar what came of each
    month: ``p`` promoted, ``w`` promoted wrongly, ``r`` refused, ``.`` not trained."""
    times = pd.date_range(START, BOUNDS[-1], periods=ROWS + 1)[:-1].as_unit("us")
    series = Series(
        name="given",
        about="",
        definition=DEFINITION,
        trainer=regress,
        rows=pd.DataFrame({"timestamp": times}),
        bounds=BOUNDS,
        label_delay=timedelta(0),
        window=timedelta(0),
        block=timedelta(days=7),
        settings="default",
        quiet=quiet,
    )
    what = {"ours": ours, "calendar": calendar, "calendar, our window": calendar}
    noise = np.random.default_rng(0).uniform(0.9, 1.1, ROWS)
    outcomes = {
        policy: Outcome(
            series="given",
            policy=policy,
            metric="rmse",
            periods=tuple(
                Period(START, 20, 1.0, letter != ".", letter in "pw", letter == "w", "")
                for letter in what.get(policy, "." * 23)
            ),
            sums=np.column_stack([error**2 * noise, np.ones(ROWS)]),
            seconds={},
            calls={},
        )
        for policy, error in errors.items()
    }
    return Replayed(series, outcomes)


GOOD = {"never": 2.0, "calendar": 1.1, "calendar, our window": 1.0, "ours": 1.0}


def holds(*replayed: Replayed) -> list[bool | None]:
    return [promise.holds for promise in promises_of(replayed)]


def test_what_is_as_good_with_half_of_the_retrainings_keeps_its_promises() -> None:
    seldom = given(errors=GOOD, ours="pppr" + "." * 19, calendar="pw" * 11 + "p", quiet=True)
    assert holds(seldom) == [True] * 6


def test_the_stronger_calendar_is_the_one_to_be_as_good_as() -> None:
    one = given(errors=GOOD | {"ours": 1.05}, ours="p" * 5)
    assert one.strongest == "calendar, our window"
    assert one.loss == pytest.approx(0.05)
    assert holds(one)[0] is False


def test_one_series_in_ten_may_be_behind_but_not_by_more_than_two_percent() -> None:
    good = given(errors=GOOD, ours="p" * 5)
    for error, kept in ((1.015, True), (1.03, False)):
        behind = given(errors=GOOD | {"ours": error}, ours="p" * 5)
        assert holds(*[good] * 9, behind)[0] is kept
        assert holds(*[good] * 8, behind, behind)[0] is False


def test_what_is_worse_than_the_first_champion_breaks_the_second_promise() -> None:
    found = promises_of([given(errors=GOOD | {"ours": 2.1}, ours="p" * 5)])[1]
    assert found.holds is False
    assert "`given`" in found.found


def test_where_drift_is_continuous_the_calendars_retrainings_may_be_needed() -> None:
    always, sometimes = "p" * 23, "pw" * 11 + "p"
    assert holds(given(errors=GOOD, ours="p" * 20, calendar=always))[2]
    assert not holds(given(errors=GOOD, ours="p" * 20, calendar=sometimes))[2]
    assert not holds(given(errors=GOOD, ours="p" * 23, calendar="p" * 22 + "."))[2]


def test_a_third_of_the_retrainings_may_be_refused() -> None:
    assert holds(given(errors=GOOD, ours="ppr"))[3]
    assert not holds(given(errors=GOOD, ours="pprr"))[3]
    assert holds(given(errors=GOOD, ours="...."))[3] is None


def test_a_quiet_world_is_left_alone() -> None:
    restless = given(errors=GOOD, ours="w" + "p" * 5, quiet=True)
    assert holds(restless)[4:] == [False, False]
    loud = replace(restless, series=replace(restless.series, quiet=False))
    assert holds(loud)[4:] == [None, None]


def test_every_policy_is_measured_alike() -> None:
    alike = [
        given(errors=GOOD | {"ours": ours, "adwin": 1.5}, ours="p" * 5) for ours in (1.0, 1.05)
    ]
    alone = given(errors=GOOD | {"oracle": 0.5}, ours="p" * 5)
    rows = {row[0]: row[1:] for row in by_the_first_promise([*alike, alone])}
    assert rows["`never`"] == ["0 of 3", "3, 3", "+100.0%", "0"]
    assert rows["`calendar, our window`"] == ["3 of 3", "0, 0", "+0.0%", "69"]
    assert rows["**ours**"] == ["2 of 3", "1, 1", "+0.0%", "15"]
    assert {"`oracle`", "`adwin`"}.isdisjoint(rows)  # not of every series


def test_chance_decides_where_one_of_two_calendars_is_behind_that_do_the_same_work() -> None:
    both = [
        given(
            errors=GOOD | {"calendar, every second": one, "calendar, odd periods": other},
            ours="p" * 5,
        )
        for one, other in ((1.0, 1.05), (1.05, 1.0), (1.05, 1.05), (1.0, 1.0))
    ]
    assert decided_by_chance(both) == 2
    assert decided_by_chance([*both, given(errors=GOOD, ours="p" * 5)]) is None
