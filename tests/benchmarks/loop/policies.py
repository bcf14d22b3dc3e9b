"""When to retrain, and whether to keep what comes of it: the shipped answer, and others.

All of them start from the same first champion.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tests.benchmarks.loop.deployment import CHECK
from tests.benchmarks.loop.rivals import adwin_alarm, errors_of_champion, evidently_share
from tests.benchmarks.loop.scoring import gain, score, sums_of

if TYPE_CHECKING:
    from tests.benchmarks.loop.deployment import Deployment
    from tests.benchmarks.loop.workshop import Unjudged, Version, Workshop

FEWEST_ROWS = 20
"""Whoever deploys without judging needs no holdout to speak of. With fewer rows in a window, no
other tool is asked whether they drifted."""


@dataclass(frozen=True, slots=True)
class Step:
    """What a policy did at the end of a period."""

    trained: bool = False
    promoted: Version | Unjudged | None = None
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


def calendar(
    deployment: Deployment, period: int, *, choose: bool = False, every: int = 1, earlier: int = 0
) -> Step:
    """Retrain every so many periods on all labelled rows, hold nothing out, and deploy unjudged.

    The first time is after ``every`` periods, or so many earlier.
    """
    if (period + 1 + earlier) % every:
        return Step(reason="not its turn")
    start = deployment.series.periods[period][0]
    delay = deployment.series.label_delay
    if deployment.series.between(start - delay, deployment.now - delay).empty:
        return Step(reason="no new labelled rows")
    return Step(trained=True, promoted=deployment.train_on_all(choose=choose), reason="calendar")


def naive(deployment: Deployment, period: int) -> Step:
    """Do as the calendar does whenever Evidently, left to its defaults, sees drift."""
    definition, series = deployment.series.definition, deployment.series
    start, end = series.periods[period]
    window = deployment.lake.predictions(definition, min(start, end - series.window), end)
    if window.num_rows < FEWEST_ROWS:
        return Step(reason=f"{window.num_rows} rows")
    with deployment.timed(CHECK):
        share, limit = evidently_share(definition, deployment.training_rows(), window)
    reason = f"{share:.0%} of the columns drifted, the limit is {limit:.0%}"
    if share < limit:
        return Step(reason=reason)
    return Step(trained=True, promoted=deployment.train_on_all(), reason=reason)


def adwin(deployment: Deployment, _period: int) -> Step:
    """Do as the calendar does whenever ADWIN sees that the champion's errors have changed."""
    with deployment.timed(CHECK):
        alarm = adwin_alarm(errors_of_champion(deployment))
    if not alarm:
        return Step(reason="no change of the errors")
    reason = "the errors have changed"
    return Step(trained=True, promoted=deployment.train_on_all(), reason=reason)


def ours(deployment: Deployment, _period: int) -> Step:
    """Do as shipped: the drift check decides whether to train, the comparison what to deploy."""
    result = deployment.check()
    if not result.decision.start_retraining:
        return Step(reason=result.decision.reason)
    manifest = deployment.build()
    if manifest is None:
        return Step(reason=f"{result.decision.reason}; too few labelled rows")
    challenger = deployment.train(manifest)
    comparison = deployment.compare(challenger, result.decision.because)
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


BEATEN = ("calendar", "calendar, our window")
"""The strongest that can be had without judging: nobody knows beforehand which of the two it is."""
REPLAYED: dict[str, Policy] = {
    "never": never,
    "calendar": calendar,
    "calendar, our window": partial(calendar, choose=True),
    "calendar, every second": partial(calendar, every=2),
    "calendar, odd periods": partial(calendar, every=2, earlier=1),
    "always": always,
    "always, our window": partial(always, all_rows=False),
    "naive": naive,
    "adwin": adwin,
    "ours": ours,
    "oracle": oracle,
}
_SLOW = ("always", "always, our window", "oracle")


def policies_of(settings: str, *, quick: bool) -> tuple[str, ...]:
    """Return the policies that a series is replayed under, by its settings.

    A quick run leaves out those that no promise is about where nobody chose the settings.
    """
    short = quick and settings == "default"
    return tuple(name for name in REPLAYED if not (short and name in _SLOW))


def better(
    workshop: Workshop, one: Version | Unjudged, other: Version | Unjudged, period: int
) -> bool:
    """Say whether one model does better from a period on than another.

    Only that period counts. Where nothing drifts, all that follow count too: each is a sample of
    the same world, and one alone says little about models that are nearly alike.
    """
    metric, quiet = workshop.series.definition.metric, workshop.series.quiet
    periods = range(period, len(workshop.series.periods) if quiet else period + 1)
    scores = [
        score(
            metric,
            np.concatenate(
                [
                    sums_of(
                        metric,
                        workshop.ground_truth(each),
                        workshop.answer(version, each)[0].outputs,
                        workshop.positive,
                    )
                    for each in periods
                ]
            ).sum(axis=0),
        )
        for version in (one, other)
    ]
    return bool(gain(metric, *scores) > 0)
