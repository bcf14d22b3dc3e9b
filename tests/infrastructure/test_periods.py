from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdk.periods import period_text, schedule_period
from evergreen.clock import parse_period
from evergreen.errors import EvergreenError


@pytest.mark.parametrize("period", [timedelta(seconds=30), timedelta(seconds=90)])
def test_a_schedule_is_in_whole_minutes(period: timedelta) -> None:
    with pytest.raises(EvergreenError, match="whole number of minutes"):
        schedule_period(period)


@given(st.integers(min_value=1, max_value=10**8))
def test_a_period_written_is_read_back(seconds: int) -> None:
    period = timedelta(seconds=seconds)
    assert parse_period(period_text(period)) == period
