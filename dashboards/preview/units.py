"""Values with Grafana's units, as people read them."""

from __future__ import annotations

_SECONDS = ((86_400, "day"), (3600, "hour"), (60, "min"), (1, "s"), (1e-3, "ms"), (1e-6, "µs"))
_BYTES = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"), (1, "B"))
_SHORT = ((1e9, "Bil"), (1e6, "Mil"), (1e3, "K"), (1, ""))
_DECIMAL = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))
_PLAIN = ((1.0, ""),)
_FORMS: dict[str, tuple[float, tuple[tuple[float, str], ...], str]] = {
    "none": (1, _PLAIN, ""),
    "short": (1, _SHORT, ""),
    "cps": (1, _SHORT, " c/s"),
    "percent": (1, _PLAIN, "%"),
    "percentunit": (100, _PLAIN, "%"),
    "s": (1, _SECONDS, ""),
    "ms": (1e-3, _SECONDS, ""),
    "bytes": (1, _BYTES, ""),
    "decmbytes": (1e6, _DECIMAL, ""),
}
"""What a value is multiplied by, its steps, and what follows."""


def with_unit(value: float, unit: str) -> str:
    """Return a value as text.

    Parameters
    ----------
    value
        The value, in the unit.
    unit
        The id of one of Grafana's units, e.g. ``percentunit``.

    Raises
    ------
    ValueError
        If no dashboard has used this unit before.
    """
    form = _FORMS.get(unit)
    if form is None:
        raise ValueError(f"a unit that has no text yet: {unit!r}")
    factor, steps, after = form
    return _scaled(value * factor, steps) + after


def _scaled(value: float, steps: tuple[tuple[float, str], ...]) -> str:
    at = 1 if value == 0 else abs(value)
    size, name = next((step for step in steps if at >= step[0]), steps[-1])
    return f"{_round(value / size)} {name}".rstrip()


def _round(value: float) -> str:
    text = f"{value:.3g}"
    return f"{value:,.0f}" if "e+" in text else text
