"""One process of the simulation: a task a line comes in, its counts go out.

It runs in the environment of its detectors, which need not have what the others need.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TextIO

from tests.benchmarks.drift.cells import Task
from tests.benchmarks.drift.data import NOTHING, Cell, Shift, draw

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.benchmarks.drift.data import Columns

    Detector = Callable[[Columns, Columns], dict[str, bool]]


def detector(family: str) -> Detector:
    """Return a family's detector; only what it needs is imported."""
    # One environment lacks the libraries of another.
    if family in {"univariate", "decision"}:
        from tests.benchmarks.drift.detectors import ours  # noqa: PLC0415

        return ours.univariate if family == "univariate" else ours.decision
    if family == "evidently":
        from tests.benchmarks.drift.detectors import evidently_preset  # noqa: PLC0415

        return evidently_preset.preset
    if family == "psi":
        from tests.benchmarks.drift.detectors import psi  # noqa: PLC0415

        return psi.psi
    from tests.benchmarks.drift.detectors import nannyml  # noqa: PLC0415

    return nannyml.univariate if family == "nannyml_univariate" else nannyml.classifier


@cache
def _warm(family: str) -> Detector:
    # What a library does the first time only is not part of a task's time.
    detect = detector(family)
    detect(*draw(Cell(200, 100, 5), NOTHING, 0))
    return detect


def run(task: Task) -> dict[str, Any]:
    """Repeat one task and count each detector's alarms."""
    detect = _warm(task.family)
    hits: dict[str, int] = {}
    started = time.process_time()
    done = 0
    while done < task.repetitions and (not done or time.process_time() - started < task.seconds):
        for name, alarm in detect(*draw(task.cell, task.shift, done)).items():
            hits[name] = hits.get(name, 0) + alarm
        done += 1
    return {"key": task.key, "hits": hits, "repetitions": done}


def parse(line: str) -> Task:
    """Read a task from its line."""
    fields = json.loads(line)
    return Task(**{**fields, "cell": Cell(**fields["cell"]), "shift": Shift(**fields["shift"])})


@contextmanager
def answers_apart() -> Iterator[TextIO]:
    """Give a process's answers a channel of their own: libraries print what they please."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        yield answers


def main() -> None:
    """Answer every line of the standard input."""
    with answers_apart() as answers:
        for line in sys.stdin:
            answers.write(json.dumps(run(parse(line))) + "\n")
            answers.flush()


if __name__ == "__main__":
    main()
