"""What the policy looks at: the tests of a check, the model's rules, and what came before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.drift.policy.certainty import is_beyond_doubt
from evergreen.drift.policy.consecutive import SHORTEST_COOLDOWN, windows_in_a_row
from evergreen.drift.policy.severity import drift_severity, performance_severity
from evergreen.drift.policy.waits import GroundWait, wait_of, wait_of_growth

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from evergreen.datasets.pace import RowsNeeded
    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.policy.budget import Budget
    from evergreen.drift.policy.goal import GoalStatus
    from evergreen.drift.policy.memory import LostRetrainings
    from evergreen.drift.policy.waits import LabelledRows
    from evergreen.drift.records import (
        CheckContext,
        DriftDecisionRecord,
        MultivariateTest,
        PerformanceTest,
    )
    from evergreen.events import Ground, Trigger
    from evergreen.model_definition import Retraining


_PERIODS_BETWEEN = 1.5
"""In periods of the schedule: the next check comes sooner, the one after it later, whatever the
length of a month."""


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
    """

    was_skipped: bool = False
    runs: bool = False


@dataclass(frozen=True, slots=True)
class RowLimits:
    """How many rows a check waits for, and how many labelled rows there are.

    Parameters
    ----------
    window
        Fewest rows of a window that allow a verdict.
    needed
        The labelled rows that each ground waits for if no challenger has lost.
    labelled
        Counts the labelled rows.
    aged
        The rows after which newer models are surely better; None if they never are.
    ages_fast
        Whether these are the rows of a single check, so that each may start the next retraining.
    world_moves
        Whether newer models of the champion's rows are better for being newer, and not only for
        having learnt from more rows.
    """

    window: int
    needed: Mapping[Ground, RowsNeeded]
    labelled: LabelledRows
    aged: RowsNeeded | None = None
    ages_fast: bool = False
    world_moves: bool = False


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
    budget: Budget | None
    goal: GoalStatus
    lost: LostRetrainings
    triggers: tuple[Trigger, ...]
    latest: LatestRetraining
    every: timedelta
    """Period of the model's most frequent schedule."""

    @property
    def retrains(self) -> bool:
        """Whether checks may start a retraining at all."""
        return self.retraining.by != "import"

    @property
    def enabled(self) -> tuple[Trigger, ...]:
        """The triggers that the model retrains on."""
        if not self.retrains:
            return ()
        return tuple(trigger for trigger in self.triggers if trigger in self.retraining.on)

    def windows_in_a_row(self, trigger: Trigger) -> int:
        """In how many windows in a row a trigger has been found."""
        return windows_in_a_row(self.context, trigger, self.earlier)

    def windows_needed(self, trigger: Trigger) -> int:
        """In how many windows in a row a trigger must be found: two for a drift in doubt."""
        if self.retraining.consecutive is not None:
            return self.retraining.consecutive
        in_doubt = trigger == "data_drift" and not is_beyond_doubt(
            self.univariate, self.multivariate
        )
        return 2 if in_doubt else 1

    @property
    def moved(self) -> tuple[Trigger, ...]:
        """The triggers that enough windows in a row have shown, whether or not they are enabled."""
        in_a_row, needed = self.windows_in_a_row, self.windows_needed
        return tuple(each for each in self.triggers if in_a_row(each) >= needed(each))

    @property
    def is_moving(self) -> bool:
        """Whether something has moved: in this check, or in the last one that had enough rows.

        Or in the champion's own rows. The relation of target and features may move while both look
        as before, and no check of a window finds that.
        """
        if self.limits.world_moves:
            return True
        if self.context.rows >= self.limits.window:
            return bool(self.moved)
        judged = [item for item in self.earlier if item.verdict != "insufficient_data"]
        return bool(judged) and bool(judged[-1].triggers)

    @property
    def confirmed(self) -> tuple[Trigger, ...]:
        """Those of them that the model retrains on."""
        return tuple(each for each in self.enabled if each in self.moved)

    @property
    def goal_regained(self) -> bool:
        """Whether one more challenger is to be trained, although the goal is regained."""
        regained = self.goal.state == "goal_regained" and self.goal.asks_for_challenger
        return regained and "performance" in self.retraining.on and self.retrains

    @property
    def new_rows_waits(self) -> list[GroundWait]:
        """What new rows wait for: until models have aged, or until the data set has grown."""
        if "new_rows" not in self.retraining.on or not self.retrains:
            return []
        return [*self._growth_waits, *self._aged_waits]

    @property
    def _growth_waits(self) -> list[GroundWait]:
        return [wait_of_growth(self.limits.needed["new_rows"], self.lost)]

    @property
    def _aged_waits(self) -> list[GroundWait]:
        """What a model waits for that ages; nothing where nothing moves.

        There newer rows pay because there are more of them, and growth waits for that.
        """
        aged = self.limits.aged
        return [] if aged is None or not self.is_moving else [wait_of("new_rows", aged, self.lost)]

    @property
    def needs_no_finding(self) -> bool:
        """Whether a retraining may start although the check has found nothing."""
        return self.goal_regained or self.new_rows_suffice

    @property
    def new_rows_suffice(self) -> bool:
        """Whether there are enough new rows for a retraining without any finding."""
        return any(map(self.limits.labelled.suffice, self.new_rows_waits))

    @property
    def waits(self) -> list[GroundWait]:
        """What each ground waits for on which a retraining may start: never empty at that point.

        Those with the fewest rows first.
        """
        grounds: list[Ground] = [*self.confirmed]
        if self.goal_regained and "performance" not in grounds:
            grounds.append("performance")
        waits = [*map(self._wait_of, grounds), *self.new_rows_waits]
        return sorted(waits, key=lambda wait: wait.rows)

    def _wait_of(self, ground: Ground) -> GroundWait:
        needed = self.limits.needed[ground]
        another = self.lost.is_another(self.univariate.drifted_features)
        if ground == "data_drift" and self.drift_is_severe and another:
            return GroundWait(ground, needed)
        return wait_of(ground, needed, self.lost)

    @property
    def drift_is_severe(self) -> bool:
        """Whether a feature has moved by so much that a model feels it."""
        return drift_severity(self.univariate.tests) == "critical"

    @property
    def cooldown(self) -> timedelta:
        """How long after the start of a retraining no other starts.

        What a check finds is in the next window too, so without a setting the next check is passed
        over: a new version gets a whole period to show what it is worth. A data set that has grown
        by a half does not wait for that. Nor does a model that ages fast, in a world that moves.
        """
        if self.retraining.cooldown is not None:
            return self.retraining.cooldown
        if self._may_start_next_check:
            return SHORTEST_COOLDOWN
        return max(SHORTEST_COOLDOWN, _PERIODS_BETWEEN * self.every)

    @property
    def _may_start_next_check(self) -> bool:
        if not self.new_rows_waits:
            return False
        waits = [*self._growth_waits, *(self._aged_waits if self.limits.ages_fast else ())]
        return any(map(self.limits.labelled.suffice, waits))

    @property
    def since_last_start(self) -> timedelta | None:
        """How long ago the last retraining was started."""
        started = [item.timestamp for item in self.earlier if item.start_retraining]
        return self.context.timestamp - started[-1] if started else None

    @property
    def loss_is_small(self) -> bool:
        """Whether ground truth says that the model has lost less than a tenth, if anything.

        Only where the model retrains on performance: elsewhere nothing is kept for a loss.
        """
        test = self.performance
        if test is None or test.value is None or "performance" not in self.retraining.on:
            return False
        return not test.drifted or performance_severity(test) == "warning"
