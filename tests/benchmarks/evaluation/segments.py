"""How often protected segments refuse without cause, and how often they see a cause.

``python -m tests.benchmarks.evaluation.segments`` prints the table of docs/evaluation.md. Two
models of the same skill answer on their own, sharing 70 % of their luck or none; in one segment of
several the challenger may be worse. About a minute on one core.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from evergreen.evaluation.segments import judge_segments
from evergreen.model_definition import ModelDefinition

LATE = 0.25
RECALL, FALSE_ALARMS = 0.55, 0.2
REPEATS = 100


@dataclass(frozen=True)
class Case:
    """Sizes of the segments, and what is wrong with the first of them."""

    segments: tuple[int, ...]
    shared: float = 0.7
    harm: float = 0.0
    """Recall lost (F1), or by what share errors are larger (RMSE)."""
    metric: str = "f1"


CASES = (
    Case((100,) * 16, shared=0.0),
    Case((100,) * 16),
    Case((300,) * 16),
    Case((100,) * 60),
    *(Case((rows, *(500,) * 15), harm=harm) for harm in (0.1, 0.2, 0.3) for rows in (300, 1000)),
    Case((100,) * 16, metric="rmse"),
    *(
        Case((rows, *(200,) * 7), harm=harm, metric="rmse")
        for harm in (0.1, 0.2, 0.4)
        for rows in (300, 1000)
    ),
)


def refused(case: Case, seed: int) -> bool:
    """Say whether one comparison is refused."""
    random = np.random.default_rng(seed)
    names = [f"s{number}" for number in range(len(case.segments))]
    segment = np.repeat(names, case.segments)
    rows = pa.table({"segment": segment})
    first = segment == "s0"
    if case.metric == "f1":
        late = random.random(segment.size) < LATE
        luck = random.random(segment.size)
        other = random.random(segment.size)
        chance = np.where(random.random(segment.size) < case.shared, luck, other)
        recall = np.where(first, RECALL - case.harm, RECALL)
        champion = luck < np.where(late, RECALL, FALSE_ALARMS)
        challenger = chance < np.where(late, recall, FALSE_ALARMS)
        sides = [np.where(side, "1", "0").astype(object) for side in (late, champion, challenger)]
    else:
        luck, other = random.standard_t(5, (2, segment.size))
        mixed = case.shared * luck + np.sqrt(1 - case.shared**2) * other
        sides = [np.zeros(segment.size), luck, mixed * np.where(first, 1 + case.harm, 1)]
    definition = ModelDefinition.model_validate(
        {
            "name": "bench",
            "task": "classification" if case.metric == "f1" else "regression",
            "target": "late",
            "features": {"segment": {"type": "category"}},
            "evaluation": {"segments": ["segment"]},
        }
    )
    ground_truth, champion, challenger = sides
    classes = ["0", "1"] if case.metric == "f1" else []
    found = judge_segments(definition, rows, ground_truth, champion, challenger, classes, seed=seed)
    return any(result.refused for result in found)


def line(case: Case) -> str:
    """Return the table's line about a case."""
    share = np.mean([refused(case, seed) for seed in range(REPEATS)])
    first, rest = case.segments[0], case.segments[1]
    sizes = f"{len(case.segments)} of {rest}"
    if first != rest:
        sizes = f"1 of {first}, {len(case.segments) - 1} of {rest}"
    harm = "–"
    if case.harm:
        harm = f"{case.harm:g} of recall" if case.metric == "f1" else f"{case.harm:.0%}"
    return f"| {case.metric} | {sizes} | {case.shared:.0%} | {harm} | {share:.0%} |\n"


def main() -> None:
    """Print the table, line after line."""
    sys.stdout.write(
        "| metric | segments of rows | shared randomness | first segment is worse by | rejected |\n"
    )
    sys.stdout.write("|---|---|---|---|---|\n")
    for case in CASES:
        sys.stdout.write(line(case))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
