"""When to retrain, and whether to keep what comes of it: five answers, and one beside them.

All of them start from the same first champion. Those that others use train on all rows that there
is room for; ours, and who is to be its upper bound, on those that the shipped library chooses.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

from evergreen.datasets.splitting import TRAIN, rows_of
from evergreen.datasets.store import load_dataset
from evergreen.training.trainer import to_features
from tests.benchmarks.loop.deployment import CHECK
from tests.benchmarks.loop.scoring import gain, score, sums_of

with warnings.catch_warnings(action="ignore"):  # about names that its own dependencies deprecate
    from evidently import Report
    from evidently.presets import DataDriftPreset

if TYPE_CHECKING:
    from tests.benchmarks.loop.deployment import Deployment, Version, Workshop

FEWEST_ROWS = 20
"""Whoever deploys without judging needs no holdout to speak of."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a policy did at the end of a period."""

    trained: bool = False
    promoted: Version | None = None
    reason: str = ""


class Policy(Protocol):
    """Looks at a deployment at the end of a period; what it promotes is promoted by the replay."""

    def __call__(self, deployment: Deployment, period: int, /) -> Step:
        """Decide after ``period`` was served and before the next is."""
        ...


def never(_deployment: Deployment, _period: int) -> Step:
    """Keep the first champion."""
    return Step(reason="never")


def always(deployment: Deployment, _period: int, *, all_rows: bool = True) -> Step:
    """Retrain every period on all rows there is room for, and deploy what comes of it."""
    manifest = deployment.build(min_rows=FEWEST_ROWS, all_rows=all_rows)
    if manifest is None:
        return Step(reason="too few labelled rows")
    return Step(trained=True, promoted=deployment.train(manifest), reason="always")


def naive(deployment: Deployment, period: int) -> Step:
    """Retrain and deploy whenever Evidently, left to its defaults, says that the data drifted."""
    with deployment.timed(CHECK):
        share, limit = _evidently_share(deployment, period)
    reason = f"{share:.0%} of the columns drifted, the limit is {limit:.0%}"
    if share < limit:
        return Step(reason=reason)
    manifest = deployment.build(min_rows=FEWEST_ROWS, all_rows=True)
    if manifest is None:
        return Step(reason=f"{reason}; too few labelled rows")
    return Step(trained=True, promoted=deployment.train(manifest), reason=reason)


def ours(deployment: Deployment, _period: int) -> Step:
    """Do as shipped: the drift check decides whether to train, the comparison what to deploy."""
    result = deployment.check()
    if not result.decision.start_retraining:
        return Step(reason=result.decision.reason)
    manifest = deployment.build()
    if manifest is None:
        return Step(reason=f"{result.decision.reason}; too few labelled rows")
    challenger = deployment.train(manifest)
    comparison = deployment.compare(challenger)
    promoted = challenger if comparison.decision == "promote" else None
    return Step(
        trained=True, promoted=promoted, reason=f"{result.decision.reason}; {comparison.reason}"
    )


def oracle(deployment: Deployment, period: int) -> Step:
    """Retrain every period and deploy whichever does better in the next: nobody can know that."""
    manifest = deployment.build(min_rows=FEWEST_ROWS)
    if manifest is None:
        return Step(reason="too few labelled rows")
    challenger = deployment.train(manifest)
    won = better(deployment.workshop, challenger, deployment.champion, period + 1)
    return Step(trained=True, promoted=challenger if won else None, reason="afterwards")


POLICIES: dict[str, Policy] = {
    "never": never,
    "always": always,
    "naive": naive,
    "ours": ours,
    "oracle": oracle,
}
CHOSEN = "always, our window"
"""Like ``always``, but on the rows that ours would train on: what choosing them alone is worth."""
REPLAYED = POLICIES | {CHOSEN: partial(always, all_rows=False)}


def better(workshop: Workshop, one: Version, other: Version, period: int) -> bool:
    """Say whether one model does better in a period than another."""
    metric, ground_truth = workshop.series.definition.metric, workshop.ground_truth(period)
    scores = [
        score(
            metric,
            sums_of(metric, ground_truth, workshop.answer(version, period)[0].outputs).sum(axis=0),
        )
        for version in (one, other)
    ]
    return bool(gain(metric, *scores) > 0)


def _evidently_share(deployment: Deployment, period: int) -> tuple[float, float]:
    definition, series = deployment.series.definition, deployment.series
    reference = load_dataset(
        deployment.storage, definition.name, deployment.pointer.reference_dataset_id
    )
    start, end = series.periods[period]
    window = deployment.lake.predictions(definition, min(start, end - series.window), end)
    with warnings.catch_warnings(action="ignore"):
        found = (
            Report([DataDriftPreset()])
            .run(
                to_features(definition, window),
                to_features(definition, rows_of(reference, TRAIN)),
            )
            .dict()["metrics"][0]
        )
    return float(found["value"]["share"]), float(found["config"]["drift_share"])
