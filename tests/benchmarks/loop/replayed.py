"""A series and what came of it under each policy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.loop.policies import BEATEN
from tests.benchmarks.loop.scoring import Difference, difference

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.loop.replay import Outcome
    from tests.benchmarks.loop.series import Series


@dataclass(frozen=True, slots=True)
class Replayed:
    """A series and what came of it under each policy, by name."""

    series: Series
    outcomes: Mapping[str, Outcome]
    _differences: dict[tuple[str, str], Difference] = field(
        default_factory=dict, init=False, repr=False
    )

    def ours_against(self, policy: str) -> Difference:
        """Return by how much ours is better than another policy."""
        return self.compare("ours", policy)

    def compare(self, policy: str, other: str) -> Difference:
        """Return by how much a policy is better than another one."""
        if (policy, other) not in self._differences:
            self._differences[policy, other] = self._compare(policy, other)
        return self._differences[policy, other]

    def _compare(self, policy: str, other: str) -> Difference:
        series, one = self.series, self.outcomes[policy]
        rows = series.between(series.bounds[0], series.bounds[-1])
        since = (rows["timestamp"] - series.bounds[0]).dt.total_seconds().to_numpy()
        blocks = (since // series.block.total_seconds()).astype(np.int64)
        return difference(one.metric, one.sums, self.outcomes[other].sums, blocks)

    @property
    def strongest(self) -> str:
        """The better of the two that retrain by the calendar."""
        run = [policy for policy in BEATEN if policy in self.outcomes]
        values = {policy: self.outcomes[policy].value for policy in run}
        choose = max if self.outcomes["ours"].metric == "f1" else min
        return choose(values, key=lambda policy: values[policy])

    @property
    def loss(self) -> float:
        """By which share of its metric ours is worse than the strongest; negative if better."""
        return self.loss_of("ours")

    @property
    def sure_loss(self) -> float:
        """The least loss that the noise leaves room for: the near end of its 95 % interval."""
        return self.sure_loss_of("ours")

    def loss_of(self, policy: str) -> float:
        """Return by which share of its metric a policy is worse than the strongest."""
        return -self.compare(policy, self.strongest).value / self.outcomes[self.strongest].value

    def sure_loss_of(self, policy: str) -> float:
        """Return the least loss of a policy that the noise leaves room for."""
        return -self.compare(policy, self.strongest).high / self.outcomes[self.strongest].value

    @property
    def drifts_all_the_time(self) -> bool:
        """Whether half of the calendar's work is too little, or two thirds of it bring something.

        Half is too little where a calendar of every second period is surely worse: there no policy
        can hold the first promise and the third one. The other measure is what the calendar deploys
        that is better than what it replaces.
        """
        calendar, half = self.outcomes["calendar"], "calendar, every second"
        if half in self.outcomes and not self.compare(half, "calendar").within_noise:
            return True
        right = calendar.promotions - calendar.wrong_promotions
        return 3 * right >= 2 * max(calendar.promotions, 1)
