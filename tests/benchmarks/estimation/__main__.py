"""Estimate the metric of windows without their ground truth, and compare with what came true.

The windows are the periods of the series of other people, served by their first champion and never
retrained, so that many of them have drifted. NannyML's CBPE and DLE estimate the same windows from
the same holdout. Writes docs/estimation.md and .evergreen/bench/estimation.json.

Only series that may be looked at while the loop is worked on are taken.

  make bench-estimation           all of their periods
  QUICK=1 make bench-estimation   24 periods of each; under two minutes
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console

from evergreen.drift.detectors.estimation import estimate_performance
from evergreen.evaluation.measure import measure_of
from local.environments import build_environment
from tests.benchmarks.drift.environments import PATHS, PEERS, ROOT, variables
from tests.benchmarks.estimation.report import to_page
from tests.benchmarks.estimation.windows import FEWEST, watch
from tests.benchmarks.loop.public.packages import prepare
from tests.benchmarks.loop.running import all_series, names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.estimation.windows import Answered, Watched

_QUICK, _ALL = 24, 10_000
_ALPHA = 0.05
PAGE, RECORD = "docs/estimation.md", ".evergreen/bench/estimation.json"


@dataclass(frozen=True, slots=True)
class Estimated:
    """One window: what came true, what was estimated, and the interval of ours."""

    series: str
    metric: str
    promoted: float
    true: float
    ours: float
    low: float
    high: float
    nannyml: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor time of one window in seconds, the learning on the holdout included."""

    series: str
    ours: float
    nannyml: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and write its page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="24 periods of each series")
    quick = parser.parse_args(arguments).quick
    console = Console(stderr=True)
    build_environment(PATHS, PEERS, lambda name, what: console.print(f"{name}: {what}"))
    prepare(lambda name, what: console.print(f"{name}: {what}"))
    names = names_of("seen")
    made = all_series(quick=quick)
    windows: list[Estimated] = []
    costs: list[Cost] = []
    for number, name in enumerate(names, 1):
        console.print(f"{number} of {len(names)}: {name}")
        watched = watch(made[name](), _QUICK if quick else _ALL)
        found, cost = _estimate(name, watched)
        windows += found
        costs.append(cost)
    record = {
        "quick": quick,
        "windows": [asdict(each) for each in windows],
        "costs": [asdict(each) for each in costs],
    }
    (ROOT / RECORD).parent.mkdir(parents=True, exist_ok=True)
    (ROOT / RECORD).write_text(json.dumps(record, indent=1))
    (ROOT / PAGE).write_text(to_page(record))
    console.print(f"wrote {PAGE} and {RECORD}")
    return 0


def _estimate(name: str, watched: Watched) -> tuple[list[Estimated], Cost]:
    definition = watched.definition
    measure = measure_of(definition)
    found = []
    began = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = [
            estimate_performance(
                definition,
                window.table.select(["model_output", "confidence"]),
                watched.holdout.table,
                holdout_features=watched.holdout.features,
                window_features=window.features,
                alpha=_ALPHA,
                min_rows=FEWEST,
            )
            for window in watched.windows
        ]
    seconds = (time.process_time() - began) / max(len(watched.windows), 1)
    peers = _peers(watched)
    for window, own, peer in zip(watched.windows, ours, peers["values"], strict=True):
        if own.value is None or own.interval_low is None or own.interval_high is None:
            raise AssertionError(f"{name}: {own.reason}")
        truth, outputs = (window.table[each].to_numpy() for each in ("label", "model_output"))
        found.append(
            Estimated(
                series=name,
                metric=definition.metric,
                promoted=own.threshold or 0.0,
                true=measure.score(truth, outputs, watched.classes),
                ours=own.value,
                low=own.interval_low,
                high=own.interval_high,
                nannyml=peer,
            )
        )
    return found, Cost(name, seconds, peers["seconds"])


def _peers(watched: Watched) -> dict[str, Any]:
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
            "metric": watched.definition.metric,
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


def _with_features(rows: Answered) -> pa.Table:
    frame = rows.table.to_pandas()
    columns = pd.DataFrame({name: np.asarray(values) for name, values in rows.features.items()})
    return pa.Table.from_pandas(pd.concat([frame, columns], axis=1), preserve_index=False)


if __name__ == "__main__":
    raise SystemExit(main())
