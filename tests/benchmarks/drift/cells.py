"""What is simulated: the grid of sizes, the shifts, and how often."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from itertools import product
from typing import TYPE_CHECKING

from tests.benchmarks.drift.data import NOTHING, Cell, Shift

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

FAMILIES = {
    "univariate": "drift",
    "decision": "drift",
    "evidently": "drift",
    "psi": "drift",
    "nannyml_univariate": "bench",
    "nannyml_classifier": "bench",
}
"""Families of detectors that share a run, and the environment each runs in."""

SHIFTS = (
    *(Shift("mean", size, moved) for size, moved in product((0.1, 0.25, 0.5, 1.0), (1, 3, 0))),
    *(Shift("category", size, 1) for size in (0.05, 0.1, 0.2)),
    *(Shift("missing", size, 1) for size in (0.02, 0.05, 0.1)),
    *(Shift("correlation", size, 3) for size in (0.3, 0.6, 0.9)),
    *(Shift("xor", size) for size in (0.3, 0.6, 0.9)),
)
_FAST = ("univariate", "decision", "evidently", "psi")
_LARGEST = {"mean": 1.0, "category": 0.2, "missing": 0.1}


@dataclass(frozen=True, slots=True)
class Task:
    """One family on one cell: as many repetitions as wanted, or as fit into the time.

    The processor's time is looked at, never the outcome, so that stopping early favours no verdict
    and a busy machine takes longer instead of repeating less; repetition ``i`` is the same rows
    however many there are.
    """

    family: str
    cell: Cell
    shift: Shift
    repetitions: int
    seconds: float

    @property
    def key(self) -> str:
        """A name that changes with anything that would change the result."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Plan:
    """All the tasks of a run, and the sizes that speed is measured at."""

    name: str
    tasks: tuple[Task, ...]
    speed_rows: tuple[int, ...] = (10_000, 100_000, 1_000_000)
    speed_left_out: frozenset[tuple[str, int]] = frozenset()
    streams: tuple[str, ...] = tuple(family for family in FAMILIES if family != "univariate")
    stream_seeds: int = 3
    flights: tuple[float, int] = (1.0, 12)
    """Which share of the flights, and up to which month."""


def quick() -> Plan:
    """Return the plan that ends within ten minutes on two cores."""
    clean = (
        *(Cell(1_000, window, 25) for window in (50, 1_000, 50_000)),
        *(Cell(5_000, window, features) for window, features in ((50, 25), (500, 5), (500, 100))),
        *(Cell(50_000, window, 25) for window in (50, 5_000, 50_000)),
    )
    moved = (Cell(5_000, 500, 25), Cell(5_000, 5_000, 25))
    seconds = dict.fromkeys(FAMILIES, 1.5) | {"univariate": 4.0, "decision": 7.0, "psi": 1.0}
    # The largest of these everyone sees.
    shifts = tuple(each for each in SHIFTS if each.size < _LARGEST.get(each.kind, 2))
    return Plan(
        "quick",
        (
            *_tasks(clean, (NOTHING,), FAMILIES, 500, seconds),
            # Power counts only where false alarms are known, so these are looked at for longer.
            *_tasks(moved, (NOTHING,), FAMILIES, 500, _scaled(seconds, 3)),
            *_tasks(moved[:1], shifts, FAMILIES, 200, _scaled(seconds, 0.2)),
            # Here there is time for one repetition of NannyML a shift, which would say nothing.
            *_tasks(moved[1:], shifts, _FAST, 200, _scaled(seconds, 0.2)),
        ),
        # Minutes by itself; the full run has it.
        streams=("decision", "evidently", "psi", "nannyml_univariate"),
        speed_left_out=frozenset(
            ("NannyML domain classifier", rows) for rows in (100_000, 1_000_000)
        ),
        stream_seeds=1,
        flights=(0.3, 9),
    )


def full() -> Plan:
    """Return the plan with every cell."""
    sizes = (50, 200, 1_000, 5_000, 50_000)
    clean = tuple(Cell(*cell) for cell in product((1_000, 5_000, 50_000), sizes, (5, 25, 100)))
    seconds = dict.fromkeys(FAMILIES, 30.0) | {"univariate": 60.0, "decision": 120.0, "psi": 20.0}
    return Plan(
        "full",
        (
            *_tasks(clean, (NOTHING,), FAMILIES, 500, seconds),
            *_tasks(clean, SHIFTS, FAMILIES, 500, _scaled(seconds, 0.1)),
        ),
    )


def _tasks(
    cells: Iterable[Cell],
    shifts: Iterable[Shift],
    families: Iterable[str],
    repetitions: int,
    seconds: Mapping[str, float],
) -> Iterator[Task]:
    for cell, shift, family in product(cells, shifts, families):
        yield Task(family, cell, shift, repetitions, seconds[family])


def _scaled(seconds: Mapping[str, float], by: float) -> dict[str, float]:
    return {family: by * least for family, least in seconds.items()}
