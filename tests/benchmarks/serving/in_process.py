"""Answers in one process beside the floor: `python -m tests.benchmarks.serving.in_process FOLDER`.

The requests and the answers are API Gateway's, and nothing is sent to AWS. The floor and Evergreen
take turns, so that whatever else the machine does meets both alike. Prints JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import time
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from evergreen import aws
from tests.benchmarks.serving.floor import create_floor
from tests.benchmarks.serving.models import CATEGORIES, NUMBERS, rows
from tests.benchmarks.serving.stages import STAGES, Stopwatch
from tests.benchmarks.serving.stub import ENVIRONMENT, MODEL, StubbedAws
from tests.support.gateway_events import Context, event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SIZES = (1, 100, 1000)
_TURNS = {1: 1500, 100: 400, 1000: 80}
_WARM_UP = 10


def measure(folder: Path, *, share: float = 1.0) -> list[dict[str, Any]]:
    """Measure one model with each number of rows.

    Parameters
    ----------
    folder
        The model's bucket.
    share
        How much of the full number of turns is taken.

    Returns
    -------
        For each number of rows the median and the 99th percentile in microseconds of Evergreen,
        the medians of the two floors, and Evergreen's median of each stage.
    """
    os.environ.update(ENVIRONMENT | {"EVERGREEN_MODELS": str(folder / "models")})
    stubbed = StubbedAws(folder)
    stubbed.attach(aws._session())
    from functions.predict.handler import handler  # noqa: PLC0415 - it reads the environment
    from functions.predict.service import service  # noqa: PLC0415 - as above

    engine: Any = service().server.champion().predictor._engine
    floor = partial(create_floor, engine._session, stubbed, NUMBERS, CATEGORIES)
    rivals = {"evergreen": handler, "floor": floor()}
    # By itself: between the two it would push what only they use out of the processor's cache.
    unlogged = {"unlogged": floor(log=False)}
    found = []
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        for size in SIZES:
            turns = max(20, int(_TURNS[size] * share))
            taken = _in_turns(rivals, size, turns) | _in_turns(unlogged, size, turns)
            found.append(
                {
                    "model": folder.name,
                    "rows": size,
                    "p50_us": median(taken["evergreen"]),
                    "p99_us": quantiles(taken["evergreen"], n=100, method="inclusive")[98],
                    "floor_us": median(taken["floor"]),
                    "unlogged_us": median(taken["unlogged"]),
                    "stages_us": _stages(handler, size, turns),
                }
            )
    return found


def _in_turns(
    answers: Mapping[str, Callable[[Any, Any], Any]], size: int, turns: int
) -> dict[str, list[float]]:
    request, context = _request(size), Context()
    for answer in answers.values():
        for _ in range(_WARM_UP):
            status = answer(request, context)["statusCode"]
            if status != 200:
                raise RuntimeError(f"the answer was {status}")
    taken: dict[str, list[float]] = {name: [] for name in answers}
    gc.collect()
    for _ in range(turns):
        for name, answer in answers.items():
            started = time.process_time_ns()
            answer(request, context)
            taken[name].append((time.process_time_ns() - started) / 1000)
    return taken


def _stages(handler: Callable[[Any, Any], Any], size: int, turns: int) -> dict[str, float]:
    request, context = _request(size), Context()
    found: dict[str, list[float]] = {stage: [] for stage in STAGES}
    with Stopwatch() as watch:
        for _ in range(turns):
            for stage, seconds in watch.run(partial(handler, request, context)).items():
                found[stage].append(seconds * 1e6)
    return {stage: median(times) for stage, times in found.items()}


def _request(size: int) -> dict[str, Any]:
    return event("POST", f"/models/{MODEL}/predict", {"instances": rows(size)})


def main() -> None:
    """Measure the model in a folder and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the model's bucket")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of turns")
    told = parser.parse_args()
    sys.stdout.write(json.dumps(measure(told.folder, share=told.share)))


if __name__ == "__main__":
    main()
