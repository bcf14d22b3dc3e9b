"""Times and periods survive the round trip through text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.clock import from_text, parse_period, to_text, utc_now


@given(st.datetimes(timezones=st.timezones()))
def test_text_is_the_inverse_of_itself(moment: datetime) -> None:
    assert from_text(to_text(moment)) == moment.astimezone(UTC)


def test_text_has_microseconds_and_a_z() -> None:
    assert to_text(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05.000000Z"


def test_now_is_aware() -> None:
    assert utc_now().tzinfo is UTC


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        from_text("2026-01-02T03:04:05")
    with pytest.raises(ValueError, match="no time zone"):
        to_text(datetime(2026, 1, 2))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_that_utc_cannot_hold_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="years 1 to 9999"):
        from_text(text)


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("1 hour", timedelta(hours=1)),
        ("24 hours", timedelta(hours=24)),
        ("90 seconds", timedelta(seconds=90)),
        ("1 day", timedelta(days=1)),
        ("15 minutes", timedelta(minutes=15)),
    ],
)
def test_periods(text: str, period: timedelta) -> None:
    assert parse_period(text) == period


@pytest.mark.parametrize("text", ["", "hour", "0 hours", "-1 day", "1.5 hours", "2 fortnights"])
def test_what_is_no_period_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="6 hours"):
        parse_period(text)
