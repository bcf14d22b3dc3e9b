"""Periods in EventBridge's form and as text."""

from __future__ import annotations

from datetime import timedelta

from aws_cdk import Duration

from evergreen.errors import EvergreenError


def schedule_period(period: timedelta) -> Duration:
    """Return a schedule's period for EventBridge, in whole minutes.

    Raises
    ------
    EvergreenError
        If the period is shorter than a minute or not a whole number of minutes.
    """
    minutes, rest = divmod(period, timedelta(minutes=1))
    if minutes < 1 or rest:
        raise EvergreenError(
            "a schedule needs a whole number of minutes, at least one", where=str(period)
        )
    return Duration.minutes(minutes)


def period_text(period: timedelta) -> str:
    """Return a period as text for :func:`evergreen.clock.parse_period`, in its largest unit."""
    seconds = int(period.total_seconds())
    units = {"day": 86400, "hour": 3600, "minute": 60, "second": 1}
    unit = next(unit for unit, step in units.items() if seconds >= step and seconds % step == 0)
    number = seconds // units[unit]
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
