"""Histograms as text: reference and window share bins and scale, so that they compare."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_HEIGHTS = "▁▂▃▄▅▆▇█"
_WIDTHS = "▏▎▍▌▋▊▉█"
_OUTLIERS = 0.5
"""Percent of the values at each end that are counted in the outermost bins."""
MISSING_BAR = "(missing)"
OTHER_BAR = "(other)"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The two distributions of a numeric feature: shares of the non-missing rows per bin."""

    edges: tuple[float, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]
    medians: tuple[float | None, float | None]
    missing: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Categories:
    """The two distributions of a categorical feature: shares of all rows, largest change first."""

    names: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


def of_numbers(reference: NDArray[Any], window: NDArray[Any], bins: int) -> Numbers:
    """Return the distributions of a numeric feature over common bins.

    Parameters
    ----------
    reference, window
        Values of n and m rows; values that are not finite count as missing.
    bins
        The number of bins. The outermost bins also count the values beyond them.
    """
    sides = [values[np.isfinite(values)].astype(np.float64) for values in (reference, window)]
    pooled = np.concatenate(sides)
    low, high = np.percentile(pooled, [_OUTLIERS, 100 - _OUTLIERS]) if pooled.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    shares = [
        np.histogram(np.clip(values, low, high), edges)[0] / max(values.size, 1) for values in sides
    ]
    medians = [float(np.median(values)) if values.size else None for values in sides]
    lost = [
        1 - values.size / max(whole.size, 1)
        for values, whole in zip(sides, (reference, window), strict=True)
    ]
    return Numbers(
        tuple(edges.tolist()),
        tuple(shares[0].tolist()),
        tuple(shares[1].tolist()),
        (medians[0], medians[1]),
        (lost[0], lost[1]),
    )


def of_categories(reference: NDArray[Any], window: NDArray[Any], most: int) -> Categories:
    """Return the distributions of a categorical feature, the rarely changed ones as one.

    Parameters
    ----------
    reference, window
        Categories of n and m rows, "" where missing.
    most
        The number of categories with the largest change that get their own line.
    """
    shares = [_shares(values) for values in (reference, window)]
    every = sorted(
        {*shares[0], *shares[1]},
        key=lambda name: (-abs(shares[0].get(name, 0.0) - shares[1].get(name, 0.0)), name),
    )
    names = every[:most]
    columns = [[side.get(name, 0.0) for name in names] for side in shares]
    if rest := every[most:]:
        names.append(OTHER_BAR)
        for column, side in zip(columns, shares, strict=True):
            column.append(sum(side.get(name, 0.0) for name in rest))
    return Categories(tuple(names), tuple(columns[0]), tuple(columns[1]))


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


def _shares(values: NDArray[Any]) -> dict[str, float]:
    counts = Counter(values.tolist())
    return {str(name) or MISSING_BAR: count / values.size for name, count in counts.items()}
