"""Histograms as text: reference and window share bins and scale, so that they compare."""

from __future__ import annotations

_HEIGHTS = "▁▂▃▄▅▆▇█"
_WIDTHS = "▏▎▍▌▋▊▉█"


def columns(shares: tuple[float, ...], most: float) -> str:
    """Draw shares as one line of columns; a share of ``most`` has the full height.

    Only an empty bin is blank: every other bin has at least the lowest column.
    """
    return "".join(_block(share, most) for share in shares)


def bar(share: float, most: float, width: int) -> str:
    """Draw a share as a bar; a share of ``most`` is ``width`` characters long."""
    eighths = round(8 * width * share / most) if most > 0 else 0
    if share > 0:
        eighths = max(eighths, 1)
    whole, rest = divmod(eighths, 8)
    return _WIDTHS[-1] * whole + (_WIDTHS[rest - 1] if rest else "")


def _block(share: float, most: float) -> str:
    if share <= 0:
        return " "
    return _HEIGHTS[min(7, int(8 * share / most))]
