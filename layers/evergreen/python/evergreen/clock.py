"""Times and periods: UTC, written as RFC 3339 with microseconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, PlainSerializer

Clock = Callable[[], datetime]
"""A function that returns the current time, aware and in UTC; tests pass their own."""
MICROSECOND = timedelta(microseconds=1)
"""The shortest time between two moments that are told apart."""

_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC with six decimals, e.g. ``…T08:00:00.000000Z``.

    Raises
    ------
    ValueError
        If ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        raise ValueError(f"{moment!r} has no time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


Moment = Annotated[AwareDatetime, PlainSerializer(to_text, return_type=str, when_used="json")]
"""The type of a time in a record: aware when read, and written by :func:`to_text`."""


def from_text(text: str) -> datetime:
    """Read an RFC 3339 time into UTC; the inverse of :func:`to_text`.

    Raises
    ------
    ValueError
        If the text is not a time, has no time zone, or lies outside the years 1 to 9999.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone; end it with Z or an offset")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text!r} is outside the years 1 to 9999 in UTC") from None


def parse_period(text: str) -> timedelta:
    """Read ``"6 hours"``, ``"1 day"``, ``"90 seconds"`` into a timedelta.

    Raises
    ------
    ValueError
        If it is not a whole positive number and one of second, minute, hour, day (or plural).
    """
    number, _, unit = text.strip().partition(" ")
    step = _UNITS.get(unit.strip().removesuffix("s"))
    if not number.isdecimal() or int(number) < 1 or step is None:
        raise ValueError(f"{text!r} is not a period such as '6 hours', '1 day' or '15 minutes'")
    return int(number) * step
