"""The operating curve of the rule of promotion: how often it promotes, by what is true.

``python -m tests.benchmarks.evaluation.promotion`` writes the table and the picture of
docs/promotion.md. Champion and challenger answer the same rows and share 70 % of their luck. The
champion's own holdout has as many rows. At earlier origins the challenger's recipe gained as much
over the champion's as it gains now. About four minutes on two cores.
"""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure
from rich.progress import track
from sklearn.metrics import f1_score

from evergreen.datasets.manifest import AgeEffect
from evergreen.evaluation.bootstrap import resample_labels, resample_numbers
from evergreen.evaluation.circumstances import Circumstances
from evergreen.evaluation.decision import fall_level, judge
from evergreen.evaluation.degradation import has_surely_fallen
from evergreen.evaluation.metrics import rmse
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.training import rolling_origins
from tests.benchmarks.loop.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
PAGE, PICTURE = ROOT / "docs" / "promotion.md", ROOT / "docs" / "promotion.svg"
MARKS = "<!-- curve -->", "<!-- /curve -->"

Metric = Literal["f1", "rmse"]
Shares = tuple[float, float]
LATE, RECALL, FALSE_ALARMS, SHARED = 0.25, 0.55, 0.2, 0.7
STATES: dict[str, tuple[float, float]] = {
    "quiet": (0.0, 1.0),
    "moving": (0.1, 1.1),
    "fallen": (0.3, 1.5),
}
"""What the champion has lost since its promotion: recall, and the factor of its errors. That the
world is moving is known; that the champion has fallen must be found out."""
DRIFT = "the data drifted"
ORIGINS, BLOCK = rolling_origins.ORIGINS - 1, rolling_origins.FEWEST_BLOCK_ROWS
"""The rolling origins that models one block older can be tried at, and the rows of a block."""
ROWS: dict[Metric, tuple[int, ...]] = {"f1": (20, 100, 500), "rmse": (20, 100)}
GAINS: dict[Metric, tuple[float, ...]] = {
    "f1": (-0.15, -0.05, 0.0, 0.05, 0.15, 0.3),
    "rmse": (-0.1, -0.05, 0.0, 0.05, 0.1, 0.2),
}
"""What the challenger has more than the champion: recall, or the share of errors that it saves."""
REPEATS, REPEATS_EVEN, REPEATS_PROMISED = 60, 200, 2000
"""Draws of each cell; of those in which both are equally good; and of those in the quiet world."""


@dataclass(frozen=True)
class Cell:
    """A metric, a state, a number of held-out rows and a true difference."""

    metric: Metric
    state: str
    rows: int
    gain: float

    @property
    def definition(self) -> ModelDefinition:
        """The model."""
        task = "classification" if self.metric == "f1" else "regression"
        features = {"x": Feature(type="float")}
        return ModelDefinition(name="m", task=task, target="y", features=features)

    @property
    def difference(self) -> float:
        """The true difference: points of F1, or the share of the RMSE that is saved."""
        if self.metric == "rmse":
            return self.gain
        lost = RECALL - STATES[self.state][0]
        return _f1(lost + self.gain) - _f1(lost)


def _f1(recall: float) -> float:
    hits = LATE * recall
    return 2 * hits / (hits + (1 - LATE) * FALSE_ALARMS + LATE)


def promoted(cell: Cell, seed: int) -> tuple[bool, bool]:
    """Draw both models' answers once and say whether the rule promotes.

    Returns
    -------
    tuple
        By the holdout alone, and with the evidence of rolling origins.
    """
    random = np.random.default_rng(seed)
    return (_classified if cell.metric == "f1" else _predicted)(cell, random)


def _classified(cell: Cell, random: np.random.Generator) -> tuple[bool, bool]:
    lost = RECALL - STATES[cell.state][0]
    truth, old, new = _labels(cell.rows, (lost, lost + cell.gain), random)
    before, answered, _ = _labels(cell.rows, (RECALL, RECALL), random)
    earlier = _labels(ORIGINS * BLOCK, (RECALL, RECALL + cell.gain), random)
    scores = _score(truth, old), _score(truth, new)
    gains = _gains_f1(truth, old, new), _gains_f1(*earlier)
    return _judged(cell, scores, gains, (truth, old), (before, answered))


def _score(truth: NDArray[np.object_], answers: NDArray[np.object_]) -> float:
    return float(f1_score(truth.astype(str), answers.astype(str), pos_label="1", zero_division=0.0))


def _gains_f1(
    truth: NDArray[np.object_], old: NDArray[np.object_], new: NDArray[np.object_]
) -> NDArray[np.float64]:
    gains: NDArray[np.float64] = np.diff(resample_labels(truth, old, new, ("0", "1")), axis=0)[0]
    return gains


def _predicted(cell: Cell, random: np.random.Generator) -> tuple[bool, bool]:
    truth = np.zeros(cell.rows)
    old, new = _errors(cell.rows, STATES[cell.state][1], cell.gain, random)
    earlier = _errors(ORIGINS * BLOCK, 1.0, cell.gain, random)
    before = random.normal(size=cell.rows)
    gains = _gains_rmse(old, new), _gains_rmse(*earlier)
    return _judged(cell, (rmse(truth, old), rmse(truth, new)), gains, (truth, old), (truth, before))


def _errors(
    rows: int, factor: float, gain: float, random: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    common, *own = random.normal(size=(3, rows))
    old, new = (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * each for each in own)
    return factor * old, factor * (1 - gain) * new


def _gains_rmse(old: NDArray[np.float64], new: NDArray[np.float64]) -> NDArray[np.float64]:
    gains: NDArray[np.float64] = -np.diff(resample_numbers(np.zeros(len(old)), old, new), axis=0)[0]
    return gains


def _labels(
    rows: int, recalls: tuple[float, float], random: np.random.Generator
) -> tuple[NDArray[np.object_], ...]:
    late = random.random(rows) < LATE
    common, shared = random.random(rows), random.random(rows) < SHARED
    answers = []
    for recall in recalls:
        luck = np.where(shared, common, random.random(rows))
        answers.append(np.where(late, luck < recall, luck < FALSE_ALARMS))
    texts = (np.where(side, "1", "0").astype(object) for side in (late, *answers))
    return tuple(texts)


def _judged(
    cell: Cell,
    scores: tuple[float, float],
    gains: tuple[NDArray[np.float64], NDArray[np.float64]],
    newer: tuple[NDArray[Any], NDArray[Any]],
    older: tuple[NDArray[Any], NDArray[Any]],
) -> tuple[bool, bool]:
    definition = cell.definition
    sides = [pa.table({"label": one, "model_output": two}) for one, two in (newer, older)]
    fall = has_surely_fallen(definition, *sides, alpha=fall_level(definition))
    moved = DRIFT if cell.state == "moving" else None
    now, earlier = gains
    aging = AgeEffect(
        rows=BLOCK,
        origins=ORIGINS,
        share_worse=float(np.mean(earlier > 0)),
        loss=float(earlier.mean()),
        error=float(earlier.std()),
        probability_worse=float(np.mean(earlier > 0)),
    )
    alone, pooled = (
        judge(
            definition,
            *scores,
            now,
            rows=cell.rows,
            fall=fall,
            circumstances=Circumstances(each, moved),
        ).decision
        == "promote"
        for each in (None, aging)
    )
    return alone, pooled


def curve(told: Callable[[Iterable[Shares], int], Iterable[Shares]]) -> dict[Cell, Shares]:
    """Return the shares of promotions in each cell, by the holdout alone and with more."""
    cells = [
        Cell(metric, state, rows, gain)
        for metric, gains in GAINS.items()
        for state, rows, gain in product(STATES, ROWS[metric], gains)
    ]
    with ProcessPoolExecutor() as pool:
        return dict(zip(cells, told(pool.map(_shares, cells), len(cells)), strict=True))


def _shares(cell: Cell) -> Shares:
    even = REPEATS_PROMISED if cell.state == "quiet" else REPEATS_EVEN
    repeats = REPEATS if cell.gain else even
    alone, pooled = np.mean([promoted(cell, seed) for seed in range(repeats)], axis=0)
    return float(alone), float(pooled)


def to_table(found: dict[Cell, Shares]) -> str:
    """Return the table of the page: a line for each metric, state and number of rows."""
    parts = []
    for metric, gains in GAINS.items():
        unit = "recall" if metric == "f1" else "of its RMSE saved"
        head = ["world", "held-out rows", *(f"{gain:+g} {unit}" for gain in gains)]
        lines = [
            [
                state,
                str(rows),
                *(
                    " / ".join(f"{share:.0%}" for share in found[Cell(metric, state, rows, gain)])
                    for gain in gains
                ),
            ]
            for state, rows in product(STATES, ROWS[metric])
        ]
        parts.append(f"**{metric.upper()}**\n\n{table(head, lines)}")
    return "\n\n".join(parts)


def to_picture(found: dict[Cell, Shares]) -> str:
    """Return the operating curves as SVG."""
    looks = dict(zip(STATES, ("#0072B2", "#E69F00", "#D55E00"), strict=True))
    styles = dict(zip(ROWS["f1"], (":", "--", "-"), strict=True))
    settings: Any = {"svg.hashsalt": "evergreen", "svg.fonttype": "path", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10, 7), layout="constrained")
        panels = figure.subplots(2, 2, sharey=True, sharex="col")
        for (which, evidence), (column, (metric, gains)) in product(
            enumerate(("holdout alone", "with rolling origins")), enumerate(GAINS.items())
        ):
            panel = panels[which, column]
            for state, rows in product(STATES, ROWS[metric]):
                cells = [Cell(metric, state, rows, gain) for gain in gains]
                panel.plot(
                    [cell.difference for cell in cells],
                    [100 * found[cell][which] for cell in cells],
                    color=looks[state],
                    linestyle=styles[rows],
                    label=f"{state}, {rows} rows",
                )
            panel.axhline(5, color="black", linewidth=0.8, linestyle=":")
            panel.axvline(0, color="black", linewidth=0.8)
            panel.set_title(f"{metric.upper()}, {evidence}")
            panel.grid(alpha=0.3)
        for panel, unit in zip(panels[1], ("points of F1", "share of the RMSE saved"), strict=True):
            panel.set_xlabel(f"true difference, {unit}")
        for panel in panels[:, 0]:
            panel.set_ylabel("promoted, %")
        figure.axes[0].legend(fontsize=7)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def main() -> None:
    """Simulate, and write the page's table and its picture."""
    found = curve(lambda shares, count: track(shares, "cells", total=count))
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
    page = f"{before}{MARKS[0]}\n{to_table(found)}\n{MARKS[1]}{after}"
    PAGE.write_text(page, encoding="utf-8")
    PICTURE.write_text(to_picture(found), encoding="utf-8")


if __name__ == "__main__":
    main()
