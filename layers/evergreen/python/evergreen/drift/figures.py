"""Figures of the drift report: the distributions of one feature as SVG, reference beside window."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from evergreen.drift.distributions import Numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.drift.distributions import Categories, Distributions

_WIDTH, _HEIGHT, _FOOT = 640, 150, 20
_ROW, _NAMES, _SHARE = 34, 170, 60
_LONGEST_NAME = 24


def distribution_figure(name: str, found: Distributions) -> str:
    """Return the two distributions of a feature as one SVG of a few KB.

    Parameters
    ----------
    name
        The feature.
    found
        Its distributions.
    """
    return _numbers(name, found) if isinstance(found, Numbers) else _categories(name, found)


def _numbers(name: str, found: Numbers) -> str:
    most = max(*found.reference, *found.window) or 1.0
    step = _WIDTH / len(found.reference)
    bars = [
        _bars(side, [share / most for share in shares], step, shift)
        for side, shift, shares in (
            ("reference", 0.06, found.reference),
            ("window", 0.52, found.window),
        )
    ]
    middle = (found.edges[0] + found.edges[-1]) / 2
    ends = [
        f'<text x="{x}" y="{_HEIGHT + 15}" text-anchor="{anchor}">{value:.4g}</text>'
        for x, anchor, value in (
            (0, "start", found.edges[0]),
            (_WIDTH // 2, "middle", middle),
            (_WIDTH, "end", found.edges[-1]),
        )
    ]
    axis = f'<path class="axis" d="M0 {_HEIGHT}H{_WIDTH}"/>'
    medians = " and ".join("none" if each is None else f"{each:.4g}" for each in found.medians)
    missing = " and ".join(f"{each:.1%}" for each in found.missing)
    words = f"Reference and window. Medians: {medians}. Missing: {missing}."
    return _figure(name, words, _HEIGHT + _FOOT, [*bars, axis, *ends])


def _categories(name: str, found: Categories) -> str:
    most = max(*found.reference, *found.window) or 1.0
    room = _WIDTH - _NAMES - _SHARE
    parts = []
    for place, label in enumerate(found.names):
        top = place * _ROW
        said = label if len(label) <= _LONGEST_NAME else f"{label[: _LONGEST_NAME - 1]}…"
        parts.append(
            f'<text x="{_NAMES - 10}" y="{top + 19}" text-anchor="end">{escape(said)}</text>'
        )
        for side, shift, share in (
            ("reference", 3, found.reference[place]),
            ("window", 17, found.window[place]),
        ):
            wide = share / most * room
            parts.append(
                f'<path class="{side}" d="M{_NAMES} {top + shift}h{wide:.0f}v12H{_NAMES}z"/>'
            )
            parts.append(
                f'<text x="{_NAMES + wide + 5:.0f}" y="{top + shift + 10}">{share:.1%}</text>'
            )
    return _figure(name, "Reference and window.", len(found.names) * _ROW, parts)


def _bars(side: str, heights: Sequence[float], step: float, shift: float) -> str:
    """Return one path for all bars of a side, so that a page with many figures stays small."""
    bars = (
        f"M{(place + shift) * step:.0f} {_HEIGHT}V{_HEIGHT - height * (_HEIGHT - 10):.0f}"
        f"h{step * 0.42:.0f}V{_HEIGHT}z"
        for place, height in enumerate(heights)
        if height > 0
    )
    return f'<path class="{side}" d="{"".join(bars)}"/>'


def _figure(name: str, words: str, height: int, parts: Sequence[str]) -> str:
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{escape(name, quote=True)}">{"".join(parts)}</svg>'
        f'<figcaption class="quiet">{words}</figcaption></figure>'
    )
