"""What came back for a query, and whether that is good enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from evergreen.errors import EvergreenError
from evergreen.metrics import Metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboards.provisioned import Queries, Target

MAY_BE_EMPTY: Mapping[Metric, str] = {
    Metric.CONFIDENCE: "a model that predicts numbers has no probabilities",
}
"""Metrics that need no data to pass, with the reason; only names of the table can be here."""


class QueryError(EvergreenError):
    """A query was refused."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one query came back with.

    Parameters
    ----------
    reference
        The query's letter.
    asks
        What it asks for, for people.
    metrics
        The metrics it asks for.
    values
        How many values it returned.
    instead
        What was asked in its place, where the emulator cannot answer it; else empty.
    """

    reference: str
    asks: str
    metrics: tuple[str, ...]
    values: int
    instead: str = ""

    @property
    def excuse(self) -> str | None:
        """Why it may be empty, if it may: all its metrics are of the table and listed."""
        reasons = []
        for name in self.metrics:
            if name not in Metric or (reason := MAY_BE_EMPTY.get(Metric(name))) is None:
                return None
            reasons.append(reason)
        return "; ".join(reasons) or None

    @property
    def good(self) -> bool:
        """Whether it returned data, or need not."""
        return self.values > 0 or self.excuse is not None


class Backend(Protocol):
    """Something that answers the queries of one data source."""

    def models(self, query: Target) -> list[str]:
        """Return what the variable ``model`` offers, in order."""

    def answer(self, queries: Queries) -> list[Answer]:
        """Run every query of one place.

        Raises
        ------
        QueryError
            If one of them is refused.
        """
