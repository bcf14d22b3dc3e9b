"""How long a ground waits: for how many labelled rows, and since when they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
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
    """

    ground: Ground
    needed: RowsNeeded
    lost: int = 0
    since: datetime | None = None

    @property
    def rows(self) -> int:
        """How many labelled rows it waits for: twice as many for each challenger that lost."""
        rows: int = self.needed.rows * 2**self.lost
        return rows

    @property
    def words(self) -> str:
        """Why so many."""
        if not self.lost:
            return self.needed.why
        has = "challenger has" if self.lost == 1 else "challengers have"
        return f"{self.needed.why}, and {self.lost} {has} lost"


def wait_of(ground: Ground, needed: RowsNeeded, lost: LostRetrainings) -> GroundWait:
    """Return what a ground waits for, as the memory has it."""
    return GroundWait(ground, needed, lost.of(ground), lost.at)


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

    def suffice(self, wait: GroundWait) -> bool:
        """Return whether a ground has waited long enough."""
        return self.since(wait.since, wait.rows) >= wait.rows
