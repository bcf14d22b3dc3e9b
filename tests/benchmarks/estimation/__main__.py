"""Estimate the metric of windows without their ground truth, and compare with what came true.

The windows are the periods of the series of other people, served by their first champion and never
retrained, so that many of them have drifted. NannyML's CBPE and DLE estimate the same windows from
the same holdout. Made-up worlds tell how often the estimate would start a retraining for nothing,
and how often it would where the inputs have become harder. Writes docs/estimation.md and
.evergreen/bench/estimation.json.

Only series that may be looked at while the loop is worked on are taken.

  make bench-estimation           all of their periods
  QUICK=1 make bench-estimation   12 periods of every second series, and fewer trials
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import subprocess
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from evergreen.drift.detectors.estimated_probabilities import score_of_holdout
from evergreen.drift.detectors.estimation import estimate_performance
from evergreen.evaluation.measure import measure_of
from local.environments import build_environment
from tests.benchmarks.drift.environments import PATHS, PEERS, ROOT, variables
from tests.benchmarks.estimation.report import to_page
from tests.benchmarks.estimation.windows import watch
from tests.benchmarks.estimation.worlds import tell
from tests.benchmarks.loop.public.packages import prepare
from tests.benchmarks.loop.running import all_series, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.model_definition import ModelDefinition
    from tests.benchmarks.estimation.windows import Answered, Watched

_QUICK, _ALL = 12, 10_000
_QUICK_EACH = 2  # of so many series a quick run takes one
_TRIALS, _ALL_TRIALS = 60, 400
_ALPHA = 0.05
_FEWEST_HELD_OUT = 50
_OURS_ALONE = {"log_loss", "brier"}
PAGE, RECORD = "docs/estimation.md", ".evergreen/bench/estimation.json"


@dataclass(frozen=True, slots=True)
class Estimated:
    """One window: what came true, what was estimated, the interval of ours, and what it says."""

    series: str
    metric: str
    promoted: float
    true: float
    ours: float
    low: float
    high: float
    worse: bool
    nannyml: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one window in seconds, the learning on the holdout included."""

    series: str
    metric: str
    ours: float
    nannyml: float | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and write its page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="12 periods of every second series")
    parser.add_argument("--series", nargs="*", help="only these series")
    parser.add_argument("--trials", type=int, help="trials of each made-up world")
    options = parser.parse_args(arguments)
    quick = options.quick
    trials = options.trials or (_TRIALS if quick else _ALL_TRIALS)
    console = Console(stderr=True)
    build_environment(PATHS, PEERS, lambda name, what: console.print(f"{name}: {what}"))
    prepare(lambda name, what: console.print(f"{name}: {what}"))
    windows: list[Estimated] = []
    costs: list[Cost] = []
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        worlds = tell(pool, trials)
        names = options.series or names_of("seen")[:: _QUICK_EACH if quick else 1]
        made = all_series(quick=quick)
        for number, name in enumerate(names, 1):
            console.print(f"{number} of {len(names)}: {name}")
            watched = watch(made[name](), _QUICK if quick else _ALL)
            if watched.holdout.table.num_rows < _FEWEST_HELD_OUT or not watched.windows:
                continue
            peers = _peers(watched)
            for definition in watched.definitions:
                found, cost = _estimate(name, watched, definition, peers.get(definition.metric))
                windows += found
                costs.append(cost)
        console.print("made-up worlds")
        told = [each for task in worlds for each in task.result()]
    record = {
        "command": _command(options),
        "windows": [asdict(each) for each in windows],
        "costs": [asdict(each) for each in costs],
        "told": [asdict(each) for each in told],
    }
    (ROOT / RECORD).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / RECORD).write_text(json.dumps(record, indent=1))
    (ROOT / PAGE).write_text(to_page(record))
    console.print(f"wrote {PAGE} and {RECORD}")
    return 0


def _command(options: argparse.Namespace) -> str:
    if options.series or options.trials:
        quick = " --quick" if options.quick else ""
        series = f" --series {' '.join(options.series)}" if options.series else ""
        trials = f" --trials {options.trials}" if options.trials else ""
        return f"python -m tests.benchmarks.estimation{quick}{series}{trials}"
    return "QUICK=1 make bench-estimation" if options.quick else "make bench-estimation"


def _estimate(
    name: str, watched: Watched, definition: ModelDefinition, peer: dict[str, Any] | None
) -> tuple[list[Estimated], Cost]:
    measure = measure_of(definition)
    known = ["model_output", "confidence"]
    if "probabilities" in watched.holdout.table.column_names:
        known.append("probabilities")
    found = []
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = [
            estimate_performance(
                definition,
                window.table.select(known),
                watched.holdout.table,
                holdout_features=watched.holdout.features,
                window_features=window.features,
                alpha=_ALPHA,
                min_rows=_FEWEST_HELD_OUT,
            )
            for window in watched.windows
        ]
    seconds = (time.process_time() - began) / max(len(watched.windows), 1)
    theirs = peer["values"] if peer else [None] * len(ours)
    for window, own, other in zip(watched.windows, ours, theirs, strict=True):
        if own.value is None or own.interval_low is None or own.interval_high is None:
            raise AssertionError(f"{name}: {own.reason}")
        truth, outputs = (window.table[each].to_numpy() for each in ("label", "model_output"))
        if measure.takes_probabilities:
            if len({*truth}) < len(watched.classes):
                continue  # no area of a class that does not occur
            true = score_of_holdout(definition, measure, window.table, window.table)
        else:
            true = measure.score(truth, outputs, watched.classes)
        found.append(
            Estimated(
                series=name,
                metric=definition.metric,
                promoted=own.threshold or 0.0,
                true=true,
                ours=own.value,
                low=own.interval_low,
                high=own.interval_high,
                worse=own.worse,
                nannyml=other,
            )
        )
    return found, Cost(name, definition.metric, seconds, peer["seconds"] if peer else None)


def _peers(watched: Watched) -> dict[str, Any]:
    metrics = [each.metric for each in watched.definitions]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for label, rows in (
            ("holdout", watched.holdout),
            *((f"window-{number}", window) for number, window in enumerate(watched.windows)),
        ):
            pq.write_table(_with_features(rows), folder / f"{label}.parquet")
        about = {
            "classes": watched.classes,
            "features": list(watched.holdout.features),
            "metrics": [name for name in metrics if name not in _OURS_ALONE],
            "positive": _positive(watched),
            "windows": len(watched.windows),
        }
        (folder / "about.json").write_text(json.dumps(about))
        python = str(PATHS.python(PEERS.name))
        module = "tests.benchmarks.estimation.peers"
        subprocess.run(
            [python, "-W", "ignore", "-m", module, made],
            cwd=ROOT,
            env=variables(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        found: dict[str, Any] = json.loads((folder / "peers.json").read_text())
        return found


def _positive(watched: Watched) -> str | None:
    positive = watched.definitions[0].evaluation.positive
    return positive or (watched.classes[-1] if watched.classes else None)


def _with_features(rows: Answered) -> pa.Table:
    frame = rows.table.to_pandas()
    columns = pd.DataFrame({name: np.asarray(values) for name, values in rows.features.items()})
    return pa.Table.from_pandas(pd.concat([frame, columns], axis=1), preserve_index=False)


if __name__ == "__main__":
    raise SystemExit(main())
