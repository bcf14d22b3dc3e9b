"""The pictures: ours against the calendars, and the metric of each policy over time."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from tests.benchmarks.loop.replayed import Replayed

# Okabe and Ito's palette, which people with any colour vision can tell apart.
_LOOKS: dict[str, dict[str, Any]] = {
    "never": {"color": "#999999", "linestyle": ":"},
    "calendar": {"color": "#0072B2", "linestyle": "-"},
    "naive": {"color": "#E69F00", "linestyle": "--"},
    "oracle": {"color": "#CC79A7", "linestyle": "-."},
    "ours": {"color": "#009E73", "linestyle": "-", "linewidth": 2.4},
}


def to_overview(replayed: Sequence[Replayed]) -> str:
    """Return ours against the better calendar, one line per series, as SVG."""
    settings: Any = {"svg.hashsalt": "evergreen", "svg.fonttype": "path", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10, 0.34 * len(replayed) + 1.4), layout="constrained")
        panel = figure.subplots()
        for place, one in enumerate(reversed(replayed)):
            found = one.ours_against(one.strongest)
            base = one.outcomes[one.strongest].value
            low, value, high = (100 * part / base for part in (found.low, found.value, found.high))
            color = "#009E73" if found.within_noise else "#D55E00"
            panel.plot([low, high], [place, place], color=color, linewidth=2)
            panel.plot([value], [place], marker="o", color=color)
        names = [
            f"{one.series.name}: {one.outcomes['ours'].retrainings} of "
            f"{one.outcomes['calendar'].retrainings} retrainings"
            for one in reversed(replayed)
        ]
        panel.set_yticks(range(len(names)), names)
        panel.margins(y=0.5 / len(names))  # half a line, however many there are
        panel.axvline(0, color="black", linewidth=0.8)
        panel.axvline(-2, color="black", linewidth=0.8, linestyle=":")
        panel.set_xscale("symlog", linthresh=5)
        panel.set_xlabel(
            "ours against the better calendar, % of its metric (right is better; dotted: -2 %)"
        )
        panel.grid(alpha=0.3, axis="x")
        return _as_text(figure)


def to_svg(replayed: Sequence[Replayed]) -> str:
    """Return the months of each series as SVG; the same numbers give the same bytes."""
    settings: Any = {"svg.hashsalt": "evergreen", "svg.fonttype": "path", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10, 3.0 * len(replayed)), layout="constrained")
        panels = figure.subplots(len(replayed), 1, squeeze=False)[:, 0]
        for panel, one in zip(panels, replayed, strict=True):
            _draw(panel, one)
        return _as_text(figure)


def _as_text(figure: Figure) -> str:
    page = io.StringIO()
    figure.savefig(page, format="svg", metadata={"Date": None})
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines())


def _draw(panel: Axes, one: Replayed) -> None:
    for policy, looks in _LOOKS.items():
        outcome = one.outcomes[policy]
        starts = np.array(
            [period.start.replace(tzinfo=None) for period in outcome.periods], dtype="datetime64[D]"
        )
        values = [period.value for period in outcome.periods]
        label = f"{policy}: {outcome.value:.3f}, {outcome.retrainings} retrainings"
        panel.plot(starts, values, label=label, **looks)
    ours = one.outcomes["ours"].periods
    for promoted, marker, title in ((True, "^", "promoted"), (False, "x", "rejected")):
        # What happens at the end of a month shows where the next begins.
        ends = [
            (later.start.replace(tzinfo=None), later.value)
            for period, later in pairwise(ours)
            if period.trained and period.promoted == promoted
        ]
        if ends:
            panel.plot(
                *zip(*ends, strict=True),
                linestyle="none",
                marker=marker,
                color="black",
                markersize=6,
                label=f"ours: challenger {title}",
            )
    metric = one.outcomes["ours"].metric
    panel.set_title(one.series.name, loc="left", fontweight="bold")
    panel.set_ylabel("F1 (more is better)" if metric == "f1" else "RMSE (less is better)")
    panel.grid(alpha=0.3)
    panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
