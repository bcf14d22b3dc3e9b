"""A series from its first period to its last under one policy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.loop.deployment import LOOP, Deployment
from tests.benchmarks.loop.policies import REPLAYED, better
from tests.benchmarks.loop.scoring import score, sums_of
from tests.support.folder_bucket import Folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from numpy.typing import NDArray

    from tests.benchmarks.loop.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Period:
    """What happened in one period, and at its end."""

    start: datetime
    rows: int
    value: float
    """The metric of what was answered; NaN if nothing was."""
    trained: bool
    promoted: bool
    wrong: bool
    """Whether what was promoted did worse than what it replaced; see :func:`policies.better`."""
    reason: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """A whole replay."""

    series: str
    policy: str
    metric: str
    periods: tuple[Period, ...]
    sums: NDArray[np.float64]
    """What the metric is made of, for every row served; see :func:`scoring.sums_of`."""
    seconds: dict[str, float]
    """Measured, by station."""
    calls: dict[str, int]

    @property
    def value(self) -> float:
        """The metric over all rows."""
        return float(score(self.metric, self.sums.sum(axis=0)))

    @property
    def retrainings(self) -> int:
        """How many training runs were started."""
        return sum(period.trained for period in self.periods)

    @property
    def promotions(self) -> int:
        """How many of them were deployed."""
        return sum(period.promoted for period in self.periods)

    @property
    def refusals(self) -> int:
        """How many of them were not."""
        return self.retrainings - self.promotions

    @property
    def wrong_promotions(self) -> int:
        """How many of these did worse than what they replaced would have."""
        return sum(period.wrong for period in self.periods)

    @property
    def lambda_seconds(self) -> float:
        """Seconds of the loop's functions: check, data set, training, evaluation."""
        return sum(self.seconds.get(station, 0.0) for station in LOOP)


def replay(workshop: Workshop, policy: str, told: Callable[[], object]) -> Outcome:
    """Serve period after period, and let the policy act between them.

    Parameters
    ----------
    workshop
        The series, and what was already trained on it.
    policy
        Name of the policy.
    told
        Called after each period.
    """
    # Every check and data set is written and read again: an emulator would be the slowest part.
    with TemporaryDirectory() as folder:
        deployment = Deployment(workshop, Folder(Path(folder)))
        return _replay(workshop, policy, deployment, told)


def _replay(
    workshop: Workshop, policy: str, deployment: Deployment, told: Callable[[], object]
) -> Outcome:
    series = workshop.series
    metric = series.definition.metric
    periods: list[Period] = []
    sums = []
    for number, (start, _) in enumerate(series.periods):
        answers = deployment.serve(number)
        truth = workshop.ground_truth(number)
        sums.append(sums_of(metric, truth, answers, workshop.positive))
        trained = promoted = wrong = False
        reason = "the last period"
        if number + 1 < len(series.periods):
            step = REPLAYED[policy](deployment, number)
            trained, promoted, reason = step.trained, step.promoted is not None, step.reason
            if step.promoted is not None:
                wrong = better(workshop, deployment.champion, step.promoted, number + 1)
                deployment.promote(step.promoted)
        value = float(score(metric, sums[-1].sum(axis=0))) if len(answers) else float("nan")
        periods.append(Period(start, len(answers), value, trained, promoted, wrong, reason))
        told()
    return Outcome(
        series=series.name,
        policy=policy,
        metric=metric,
        periods=tuple(periods),
        sums=np.concatenate(sums),
        seconds=dict(deployment.seconds),
        calls=dict(deployment.calls),
    )
