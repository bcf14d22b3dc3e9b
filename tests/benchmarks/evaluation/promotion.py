"""The operating curve of the rule of promotion: how often it promotes, by what is true.

``python -m tests.benchmarks.evaluation.promotion`` writes the table and the picture of
docs/promotion.md. Champion and challenger answer the same rows and share 70 % of their luck. The
champion's own holdout has as many rows. About three minutes on one core.
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

from evergreen.evaluation.bootstrap import resample_labels, resample_numbers
from evergreen.evaluation.decision import fall_level, judge
from evergreen.evaluation.degradation import has_surely_fallen
from evergreen.evaluation.metrics import rmse
from evergreen.model_definition import Feature, ModelDefinition
from tests.benchmarks.loop.tables import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[3]
PAGE, PICTURE = ROOT / "docs" / "promotion.md", ROOT / "docs" / "promotion.svg"
MARKS = "<!-- curve -->", "<!-- /curve -->"

Metric = Literal["f1", "rmse"]
LATE, RECALL, FALSE_ALARMS, SHARED = 0.25, 0.55, 0.2, 0.7
STATES: dict[str, tuple[float, float]] = {
    "quiet": (0.0, 1.0),
    "just won": (0.0, 1.0),
    "drifted": (0.1, 1.1),
    "fallen": (0.3, 1.5),
}
"""What the champion has lost since its promotion: recall, and the factor of its errors. Before it
lost anything, it may have just won its own comparison."""
ROWS: dict[Metric, tuple[int, ...]] = {"f1": (20, 100, 500), "rmse": (20, 100)}
GAINS: dict[Metric, tuple[float, ...]] = {
    "f1": (-0.15, -0.05, 0.0, 0.05, 0.15, 0.3),
    "rmse": (-0.1, -0.05, 0.0, 0.05, 0.1, 0.2),
}
"""What the challenger has more than the champion: recall, or the share of errors that it saves."""
REPEATS, REPEATS_EVEN = 60, 200
"""Draws of each cell, and of those in which both are equally good."""


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


def promoted(cell: Cell, seed: int) -> bool:
    """Draw both models' answers once and say whether the rule promotes."""
    random = np.random.default_rng(seed)
    return (_classified if cell.metric == "f1" else _predicted)(cell, random)


def _classified(cell: Cell, random: np.random.Generator) -> bool:
    lost = RECALL - STATES[cell.state][0]
    truth, old, new = _labels(cell.rows, (lost, lost + cell.gain), random)
    before, answered, _ = _labels(cell.rows, (RECALL, RECALL), random)
    improvements = np.diff(resample_labels(truth, old, new, ("0", "1")), axis=0)[0]
    scores = _score(truth, old), _score(truth, new)
    return _judged(cell, scores, improvements, (truth, old), (before, answered))


def _score(truth: NDArray[np.object_], answers: NDArray[np.object_]) -> float:
    return float(f1_score(truth.astype(str), answers.astype(str), pos_label="1", zero_division=0.0))


def _predicted(cell: Cell, random: np.random.Generator) -> bool:
    factor = STATES[cell.state][1]
    errors = random.normal(size=(3, cell.rows))
    common, *own = errors
    old, new = (np.sqrt(SHARED) * common + np.sqrt(1 - SHARED) * each for each in own)
    truth = np.zeros(cell.rows)
    old, new = factor * old, factor * (1 - cell.gain) * new
    improvements = -np.diff(resample_numbers(truth, old, new), axis=0)[0]
    scores = rmse(truth, old), rmse(truth, new)
    before = random.normal(size=cell.rows)
    return _judged(cell, scores, improvements, (truth, old), (truth, before))


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
    improvements: NDArray[np.float64],
    newer: tuple[NDArray[Any], NDArray[Any]],
    older: tuple[NDArray[Any], NDArray[Any]],
) -> bool:
    definition = cell.definition
    sides = [pa.table({"label": one, "model_output": two}) for one, two in (newer, older)]
    fall = has_surely_fallen(definition, *sides, alpha=fall_level(definition))
    old, new = scores
    won = cell.state == "just won"
    found = judge(definition, old, new, improvements, rows=cell.rows, fall=fall, has_just_won=won)
    return found.decision == "promote"


def curve(told: Callable[[Iterable[float], int], Iterable[float]]) -> dict[Cell, float]:
    """Return the share of promotions in each cell."""
    cells = [
        Cell(metric, state, rows, gain)
        for metric, gains in GAINS.items()
        for state, rows, gain in product(STATES, ROWS[metric], gains)
    ]
    with ProcessPoolExecutor() as pool:
        return dict(zip(cells, told(pool.map(_share, cells), len(cells)), strict=True))


def _share(cell: Cell) -> float:
    repeats = REPEATS if cell.gain else REPEATS_EVEN
    return float(np.mean([promoted(cell, seed) for seed in range(repeats)]))


def to_table(found: dict[Cell, float]) -> str:
    """Return the table of the page: a line for each metric, state and number of rows."""
    parts = []
    for metric, gains in GAINS.items():
        unit = "recall" if metric == "f1" else "of its RMSE saved"
        head = ["champion", "held-out rows", *(f"{gain:+g} {unit}" for gain in gains)]
        lines = [
            [state, str(rows), *(f"{found[Cell(metric, state, rows, gain)]:.0%}" for gain in gains)]
            for state, rows in product(STATES, ROWS[metric])
        ]
        parts.append(f"**{metric.upper()}**\n\n{table(head, lines)}")
    return "\n\n".join(parts)


def to_picture(found: dict[Cell, float]) -> str:
    """Return the operating curves as SVG."""
    looks = dict(zip(STATES, ("#0072B2", "#009E73", "#E69F00", "#D55E00"), strict=True))
    styles = dict(zip(ROWS["f1"], (":", "--", "-"), strict=True))
    settings: Any = {"svg.hashsalt": "evergreen", "svg.fonttype": "path", "font.size": 9}
    with mpl.rc_context(settings):
        figure = Figure(figsize=(10, 4), layout="constrained")
        for panel, (metric, gains) in zip(figure.subplots(1, 2), GAINS.items(), strict=True):
            for state, rows in product(STATES, ROWS[metric]):
                cells = [Cell(metric, state, rows, gain) for gain in gains]
                panel.plot(
                    [cell.difference for cell in cells],
                    [100 * found[cell] for cell in cells],
                    color=looks[state],
                    linestyle=styles[rows],
                    label=f"{state}, {rows} rows",
                )
            panel.axhline(5, color="black", linewidth=0.8, linestyle=":")
            panel.axvline(0, color="black", linewidth=0.8)
            panel.set_title(metric.upper())
            panel.set_xlabel(
                "true difference, points of F1" if metric == "f1" else "share of the RMSE saved"
            )
            panel.set_ylabel("promoted, %")
            panel.grid(alpha=0.3)
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
