"""How often training looks less far back, with and without a cause, and what that brings.

``python -m tests.benchmarks.training.windows`` prints the table of docs/evaluation.md: of 3,600
rows the newest so many follow the second law of one of the loop benchmark's streams. The models are
scored on 5,000 more rows of the world as it is then. About five minutes on one core.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import TRAIN
from evergreen.evaluation.evaluate import scores_of
from evergreen.training.onnx_export import export_bundle
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.trainer import fit
from evergreen.training.window import choose_window
from tests.benchmarks.loop import streams

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.loop.series import Series

ROWS = 3600
NEW = (0, 150, 300, 450, 900, 1800)
"""Rows of the new world among them."""
SCORED = 5000
REPEATS = 20
_START = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one data set gave."""

    shorter: bool
    of_all: float
    """Metric of the model of all rows."""
    of_chosen: float


def rows_of_world(name: str, new: NDArray[np.bool_], random: np.random.Generator) -> pa.Table:
    """Return rows that follow the stream's second law where ``new``, and its first elsewhere."""
    count = new.size
    if name == "abrupt":
        inputs = random.uniform(0, 10, size=(3, count))
        above = inputs[0] + inputs[1] > np.where(new, 12.0, 8.0)
        target = np.where(above ^ (random.random(count) < 0.1), "1", "0")
    else:
        inputs = random.normal(size=(3, count))
        inputs[0] += new
        way = np.where(new, -2.0, 2.0)
        target = way * inputs[0] + inputs[1] + random.normal(size=count)
    times = [_START + row * timedelta(minutes=36) for row in range(count)]
    return pa.table(
        {
            **dict(zip(streams.NAMES, inputs.astype(np.float32), strict=True)),
            "above" if name == "abrupt" else "value": target,
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
            "split": [TRAIN] * count,
        }
    )


def outcome(series: Series, new: int, seed: int) -> Outcome:
    """Choose the window of one data set, and score the models of all rows and of those chosen."""
    definition, random = series.definition, np.random.default_rng(seed)
    rows = rows_of_world(series.name, np.arange(ROWS) >= ROWS - new, random)
    fresh = rows_of_world(series.name, np.full(SCORED, new > 0), random)
    window = choose_window(RollingOrigins(definition, series.trainer, rows), rows)

    def score(kept: int) -> float:
        part = rows.slice(ROWS - kept)
        estimator = fit(definition, series.trainer, part)
        bundle = export_bundle(estimator, definition, to_columns(definition, part), "bench")
        return scores_of(definition, bundle, fresh)[definition.metric]

    of_all = score(ROWS)
    shorter = window.rows < ROWS
    return Outcome(shorter, of_all, score(window.rows) if shorter else of_all)


def line(series: Series, new: int) -> str:
    """Return the table's line about a stream and a number of new rows."""
    found = [outcome(series, new, seed) for seed in range(REPEATS)]
    share = np.mean([one.shorter for one in found])
    of_all, of_chosen = (
        np.median([getattr(one, name) for one in found]) for name in ("of_all", "of_chosen")
    )
    metric = series.definition.metric.upper()
    return f"| {series.name} | {new:,} | {share:.0%} | {metric} {of_all:.3f} | {of_chosen:.3f} |\n"


def main() -> None:
    """Print the table, line after line."""
    sys.stdout.write(
        "| stream | rows since the change | shorter window chosen "
        "| metric with all rows | with the chosen rows |\n"
    )
    sys.stdout.write("|---|---|---|---|---|\n")
    with threadpool_limits(1):
        for series in (streams.abrupt(), streams.recurring()):
            for new in NEW:
                sys.stdout.write(line(series, new))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
