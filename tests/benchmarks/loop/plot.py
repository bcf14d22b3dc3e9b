"""The picture: the metric of each policy over time, one panel per series."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tests.benchmarks.loop.report import Replayed

# Okabe and Ito's palette, which people with any colour vision can tell apart.
_LOOKS: dict[str, dict[str, Any]] = {
    "never": {"color": "#999999", "linestyle": ":"},
    "always": {"color": "#0072B2", "linestyle": "-"},
    "naive": {"color": "#E69F00", "linestyle": "--"},
    "oracle": {"color": "#CC79A7", "linestyle": "-."},
    "ours": {"color": "#009E73", "linestyle": "-", "linewidth": 2.4},
}


def to_svg(replayed: list[Replayed]) -> str:
    """Return the picture as SVG; the same numbers give the same bytes."""
    settings: Any = {"svg.hashsalt": "evergreen", "svg.fonttype": "path", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10, 3.0 * len(replayed)), layout="constrained")
        panels = figure.subplots(len(replayed), 1, squeeze=False)[:, 0]
        for panel, one in zip(panels, replayed, strict=True):
            _draw(panel, one)
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
