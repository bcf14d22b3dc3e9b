"""The synthetic streams drift where they say, and nowhere else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.benchmarks.loop import streams
from tests.benchmarks.loop.series import flights, month_starts

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.loop.series import Series


def test_months_follow_each_other_across_the_year() -> None:
    assert month_starts((2013, 11), (2014, 1)) == (
        datetime(2013, 11, 1, tzinfo=UTC),
        datetime(2013, 12, 1, tzinfo=UTC),
        datetime(2014, 1, 1, tzinfo=UTC),
    )


@pytest.mark.parametrize("make", [streams.abrupt, streams.recurring])
def test_a_stream_is_the_same_each_time_and_covers_its_periods(
    make: Callable[[], Series],
) -> None:
    series = make()
    pd.testing.assert_frame_equal(series.rows, make().rows)
    assert series.rows["timestamp"].is_monotonic_increasing
    served = [len(series.between(*period)) for period in series.periods]
    known = len(series.between(None, series.bounds[0]))
    assert min(served) >= 28 * streams.ROWS_A_DAY
    assert known + sum(served) == len(series.rows)


def test_the_inputs_of_the_abrupt_stream_never_move_but_their_meaning_does() -> None:
    rows = streams.abrupt().rows
    jump = pd.Timestamp(month_starts((2020, 1), (2023, 1))[streams.ABRUPT_MONTHS[0]])
    month = timedelta(days=30)
    before = rows[(rows["timestamp"] < jump) & (rows["timestamp"] >= jump - month)]
    after = rows[(rows["timestamp"] >= jump) & (rows["timestamp"] < jump + month)]
    for name in streams.NAMES:
        assert stats.ks_2samp(before[name], after[name]).pvalue > 0.01
    assert before["above"].mean() - after["above"].mean() > 0.1


def test_the_recurring_stream_comes_back() -> None:
    rows = streams.recurring().rows
    starts = month_starts((2020, 1), (2023, 2))

    def slope(first: int, last: int) -> float:
        inside = rows[(rows["timestamp"] >= starts[first]) & (rows["timestamp"] < starts[last])]
        return float(np.polyfit(inside["first"], inside["value"], 1)[0])

    (comes, there), (goes, gone) = streams.RECURRING_MONTHS
    assert slope(0, comes) == pytest.approx(2, abs=0.1)
    assert slope(there, goes) == pytest.approx(-2, abs=0.1)
    assert slope(gone, gone + 6) == pytest.approx(2, abs=0.1)


def test_a_share_of_the_flights_has_limits_of_its_share() -> None:
    series, whole = flights("flight_duration", 0.02), flights("flight_duration", 1.0).definition
    thinned = series.definition
    assert thinned.retraining.training_window_rows == whole.retraining.training_window_rows * 0.02
    assert thinned.retraining.min_training_rows == whole.retraining.min_training_rows * 0.02
    assert (thinned.evaluation.min_labelled_rows, whole.evaluation.min_labelled_rows) == (20, 1000)
    assert len(series.periods) == 10
