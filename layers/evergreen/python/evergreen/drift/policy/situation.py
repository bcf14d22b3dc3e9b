"""What the policy looks at: the tests of a check, the model's rules, and what came before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.drift.policy.consecutive import windows_in_a_row
from evergreen.drift.policy.severity import drift_severity, performance_severity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, timedelta

    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.policy.budget import Budget
    from evergreen.drift.policy.goal import GoalStatus
    from evergreen.drift.policy.memory import DriftMemory
    from evergreen.drift.records import (
        CheckContext,
        DriftDecisionRecord,
        MultivariateTest,
        PerformanceTest,
    )
    from evergreen.events import Trigger
    from evergreen.model_definition import Retraining


@dataclass(frozen=True, slots=True)
class LatestRetraining:
    """What came of the retraining that was started last.

    Parameters
    ----------
    was_skipped
        Whether the one that the last check started was skipped, because too few rows were labelled
        to judge a challenger on.
    runs
        Whether the model is being retrained: a second retraining would be skipped.
    promoted_at
        When the version in production was promoted; None if that is not known.
    """

    was_skipped: bool = False
    runs: bool = False
    promoted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RowLimits:
    """How many rows a check waits for, and how many labelled rows there are.

    Parameters
    ----------
    window
        Fewest rows of a window that allow a verdict.
    labelled
        Fewest new labelled rows that start a retraining.
    labelled_after_fall
        The same where the metric has surely fallen.
    count_labelled
        Returns how many new labelled rows there are; counting stops at the number that it is given.
    pace
        Time in which as many rows come in as the champion's data set has.
    """

    window: int
    labelled: int
    labelled_after_fall: int
    count_labelled: Callable[[int], int]
    pace: timedelta


@dataclass(frozen=True, slots=True)
class Situation:
    """What the conditions of the table look at."""

    context: CheckContext
    univariate: UnivariateResult
    multivariate: MultivariateTest
    performance: PerformanceTest | None
    limits: RowLimits
    retraining: Retraining
    earlier: Sequence[DriftDecisionRecord]
    """Decisions of earlier checks, oldest first."""
    budget: Budget
    goal: GoalStatus
    memory: DriftMemory
    triggers: tuple[Trigger, ...]
    latest: LatestRetraining

    @property
    def enabled(self) -> tuple[Trigger, ...]:
        """The triggers that the model retrains on."""
        if self.retraining.by == "import":
            return ()
        return tuple(trigger for trigger in self.triggers if trigger in self.retraining.on)

    @property
    def goal_regained(self) -> bool:
        """Whether one more challenger is to be trained, although the goal is regained."""
        regained = self.goal.state == "goal_regained" and self.goal.asks_for_challenger
        return regained and "performance" in self.retraining.on and self.retraining.by != "import"

    @property
    def backoff_until(self) -> datetime | None:
        """When the next challenger is worth a try; None if one of the reasons need not wait."""
        if self.goal_regained or not self.enabled:
            return None
        waits = [self._wait_of(trigger) for trigger in self.enabled]
        known = [wait for wait in waits if wait is not None]
        return min(known) if len(known) == len(waits) else None

    def _wait_of(self, trigger: Trigger) -> datetime | None:
        if trigger == "performance":
            return self.goal.backoff_until
        fallen = self.performance is not None and self.performance.drifted
        if fallen and "performance" not in self.retraining.on:
            return None  # the drift does harm now, and nothing else answers it
        if self.drift_is_severe and self.memory.is_another(self.univariate.drifted_features):
            return None
        return self.memory.backoff_until(self.context.timestamp)

    @property
    def drift_is_severe(self) -> bool:
        """Whether a feature has moved by so much that a model feels it."""
        return drift_severity(self.univariate.tests) == "critical"

    @property
    def labelled_rows_needed(self) -> int:
        """How many labelled rows to wait for: fewer where the metric has surely fallen."""
        fallen = "performance" in self.triggers
        return self.limits.labelled_after_fall if fallen else self.limits.labelled

    @property
    def windows_in_a_row(self) -> int:
        """In how many windows in a row one of these triggers has been found."""
        rows = (windows_in_a_row(self.context, each, self.earlier) for each in self.enabled)
        return max(rows, default=0)

    @property
    def since_last_start(self) -> timedelta | None:
        """How long ago the last retraining was started."""
        started = [item.timestamp for item in self.earlier if item.start_retraining]
        return self.context.timestamp - started[-1] if started else None

    @property
    def is_free(self) -> bool:
        """Whether the next challenger is worth more than what a budget by results would save.

        It is the first since the metric fell, or the loss is large.
        """
        if self.retraining.refill is not None:
            return False
        test = self.performance
        large = test is not None and test.drifted and performance_severity(test) == "critical"
        return large or self.goal.state == "below_goal"

    @property
    def loss_is_small(self) -> bool:
        """Whether ground truth says that the model has lost less than a tenth, if anything.

        Only where the model retrains on performance: elsewhere nothing is kept for a loss.
        """
        test = self.performance
        if test is None or test.value is None or "performance" not in self.retraining.on:
            return False
        return not test.drifted or performance_severity(test) == "warning"
