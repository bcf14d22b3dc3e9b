"""The step of a time series: an hour, a day, a month, as the times of a file tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from cli.shared.column_profiles import StrangersFile

_HOUR = 3_600
_DAY = 24 * _HOUR
_REGULAR = 0.95
"""Share of the values whose time must be a whole number of steps after the first one's."""


@dataclass(frozen=True, slots=True)
class SeriesStep:
    """The time from one value to the next.

    Parameters
    ----------
    name
        In words.
    number
        The SQL of a step's number, of the moment ``t``, or of ``w``, the time as the file writes
        it, for steps of a day and more: a day of its zone may have 23 hours.
    season
        How many steps a season usually has.
    calendar
        What of the calendar can matter.
    """

    name: str
    number: str
    season: int
    calendar: tuple[str, ...]

    @property
    def is_whole(self) -> str:
        """The SQL of whether a time is a whole number of steps after the first one."""
        return f"abs({self.number} - round({self.number})) < 0.01"


def step_between(file: StrangersFile, series: str | None) -> SeriesStep:
    """Return the step of the table ``known`` of a file, with the columns ``s``, ``t`` and ``w``.

    Raises
    ------
    EvergreenError
        If the times are not regular.
    """
    found = file.rows_of(
        """SELECT mode(gap) FROM (SELECT epoch(t) - lag(epoch(t)) OVER (PARTITION BY s ORDER BY t)
        AS gap FROM known) WHERE gap IS NOT NULL"""
    )
    seconds = found[0][0] if found else None
    if not seconds:
        raise EvergreenError(
            "no series has two values",
            where=str(file.path),
            fix="Bring more rows, or give --series another column.",
        )
    days = round(seconds / _DAY)
    step = _of(float(days * _DAY if days and abs(seconds - days * _DAY) <= _HOUR else seconds))
    (regular,) = file.one(
        f"SELECT avg(CAST({step.is_whole} AS INT)) FROM known"  # noqa: S608 - our own text
    )
    if regular < _REGULAR:
        raise EvergreenError(
            f"the times are irregular: most follow after {step.name}, and {1 - regular:.0%} do not",
            where=str(file.path),
            fix="Bring one value for each step"
            + ("." if series else ", or name the column that tells the series with --series."),
        )
    return step


def _of(seconds: float) -> SeriesStep:
    day = seconds / _DAY
    for low, high, name, months, season in (
        (28, 31, "a month", 1, 12),
        (89, 92, "a quarter", 3, 4),
        (365, 366, "a year", 12, 1),
    ):
        if low <= day <= high:
            number = f"date_diff('month', DATE '1970-01-01', CAST(w AS DATE)) / {months}"
            calendar = ("month",) if season > 1 else ()
            return SeriesStep(name, number, season, calendar)
    number = f"epoch({'w' if day >= 1 else 't'}) / {seconds}"
    if day >= 1:
        words = {1: "a day", 7: "a week"}.get(int(day), f"{day:g} days")
        season = {1: 7, 7: 52}.get(int(day), 1)
        return SeriesStep(
            words, _from_first(number), season, ("weekday", "month") if day < 7 else ("month",)
        )
    per_day = round(_DAY / seconds)
    minutes = f"{seconds / 60:g} minutes" if seconds % 60 == 0 else f"{seconds:g} seconds"
    words = "an hour" if seconds == 3600 else minutes
    return SeriesStep(words, _from_first(number), max(per_day, 1), ("hour", "weekday", "month"))


def _from_first(number: str) -> str:
    return f"{number} - (SELECT min({number}) FROM known)"  # noqa: S608 - our own text
