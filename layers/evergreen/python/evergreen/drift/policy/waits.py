"""How long a ground waits: for how many labelled rows, and since when they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from evergreen.datasets.pace import RowsNeeded
    from evergreen.drift.policy.memory import LostRetrainings
    from evergreen.events import Ground


@dataclass(frozen=True, slots=True)
class GroundWait:
    """What a ground waits for.

    Parameters
    ----------
    ground
        Why a retraining would start.
    needed
        The labelled rows that it waits for if no challenger has lost.
    lost
        How many challengers have lost on this ground.
    since
        From when on rows count: the start of the last retraining that was lost; None for the
        champion's data set.
    times
        How many times as many rows it waits for.
    """

    ground: Ground
    needed: RowsNeeded
    lost: int = 0
    since: datetime | None = None
    times: int = 1

    @property
    def rows(self) -> int:
        """How many labelled rows it waits for."""
        return self.needed.rows * self.times

    @property
    def words(self) -> str:
        """Why so many."""
        if not self.lost:
            return self.needed.why
        has = "challenger has" if self.lost == 1 else "challengers have"
        return f"{self.needed.why}, and {self.lost} {has} lost"


def wait_of(ground: Ground, needed: RowsNeeded, memory: LostRetrainings) -> GroundWait:
    """Return what a ground waits for: twice as many rows for each challenger that lost."""
    lost = memory.of(ground)
    return GroundWait(ground, needed, lost, memory.at, 2**lost)


def wait_of_growth(needed: RowsNeeded, memory: LostRetrainings) -> GroundWait:
    """Return what ``new_rows`` waits for where models do not age: for a larger data set.

    Challengers of other grounds do not hold it up, because its rows go on counting. One that lost
    after so many rows may win after as many again, and then after twice as many.
    """
    lost = memory.of("new_rows")
    if not lost:
        return GroundWait("new_rows", needed)
    return GroundWait("new_rows", needed, lost, memory.at, 2 ** (lost - 1))


class LabelledRows:
    """Counts the labelled rows since a moment, and reads each stretch of the log once if it can.

    Parameters
    ----------
    count
        Returns how many rows were labelled since a moment; None for the champion's data set.
        Counting stops at the number that it is given.
    """

    def __init__(self, count: Callable[[datetime | None, int], int]) -> None:
        self._count = count
        self._known: dict[datetime | None, tuple[int, int]] = {}

    def since(self, moment: datetime | None, enough: int) -> int:
        """Return how many there are, or at least ``enough``."""
        found, asked = self._known.get(moment, (0, 0))
        if found >= asked and found < enough:
            found = self._count(moment, enough)
            self._known[moment] = found, enough
        return found

    def found(self, wait: GroundWait) -> int:
        """Return how many rows there are of those that a ground waits for."""
        return min(self.since(wait.since, wait.rows), wait.rows)

    def suffice(self, wait: GroundWait) -> bool:
        """Return whether a ground has waited long enough."""
        return self.found(wait) >= wait.rows

    def nearest(self, waits: Iterable[GroundWait]) -> GroundWait:
        """Return which of some grounds lacks the fewest rows."""
        return min(waits, key=lambda wait: wait.rows - self.found(wait))
