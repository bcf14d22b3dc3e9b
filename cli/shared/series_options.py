"""What the command line says of a time series."""

from __future__ import annotations

from dataclasses import dataclass

from evergreen.errors import EvergreenError


@dataclass(frozen=True, slots=True)
class SeriesOptions:
    """What is said of a time series on the command line.

    Parameters
    ----------
    horizons
        How many steps ahead the forecasts look.
    season
        Steps of a season, or None to take the usual one of the step.
    series
        The column that tells the series, or None if there is one series.
    time
        The column of the moment of a value, or None to look for one.
    """

    horizons: tuple[int, ...]
    season: int | None = None
    series: str | None = None
    time: str | None = None


def horizons_of(text: str) -> tuple[int, ...]:
    """Read horizons such as ``7`` or ``1,7,28``.

    Raises
    ------
    EvergreenError
        If these are no whole numbers of at least 1.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and part.isascii() and int(part) for part in parts):
        raise EvergreenError(
            f"{text!r} is no horizon",
            where="--horizon",
            fix="Give steps from the forecast to the time it is about: 7, or 1,7,28.",
        )
    return tuple(sorted({int(part) for part in parts}))
