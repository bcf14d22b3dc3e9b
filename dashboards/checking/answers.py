"""What came back for a query, and whether that is good enough."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from evergreen.errors import EvergreenError
from evergreen.metrics.catalog import MODEL_DIMENSION, NO_MODEL, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.checking.provisioned import Queries, QueryTarget

MAY_BE_EMPTY: Mapping[Metric, str] = {
    Metric.CONFIDENCE: "a model that predicts numbers has no probabilities",
    Metric.UNJOINED_LABELS: "labels are counted when a day of them is compacted",
}
"""Metrics that need no data to pass, with the reason; only names of the table can be here."""
NOBODY_ASKED = "nobody has asked for health, documentation or the list of models"
"""Why what is counted for no model may be empty, whatever the metric."""


class QueryError(EvergreenError):
    """A query was refused."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
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
    for_no_model
        Whether it asks for what concerns no model.
    """

    reference: str
    asks: str
    metrics: tuple[str, ...]
    values: int
    instead: str = ""
    for_no_model: bool = False

    @property
    def excuse(self) -> str | None:
        """Why it may be empty, if it may: all its metrics are of the table and listed."""
        reasons = []
        for name in self.metrics:
            reason = MAY_BE_EMPTY.get(Metric(name)) if name in Metric else None
            if self.for_no_model and name in Metric:
                reason = NOBODY_ASKED
            if reason is None:
                return None
            reasons.append(reason)
        return "; ".join(dict.fromkeys(reasons)) or None

    @property
    def good(self) -> bool:
        """Whether it returned data, or need not."""
        return self.values > 0 or self.excuse is not None


def marked(
    answers: Sequence[QueryAnswer], targets: Sequence[QueryTarget]
) -> tuple[QueryAnswer, ...]:
    """Return the answers to queries, marked where they are for no model."""
    return tuple(
        replace(answer, for_no_model=_is_for_no_model(target))
        for answer, target in zip(answers, targets, strict=True)
    )


def _is_for_no_model(target: QueryTarget) -> bool:
    dimensions = target.get("dimensions") or {}
    in_promql = f'{MODEL_DIMENSION}="{NO_MODEL}"' in str(target.get("expr", ""))
    return in_promql or dimensions.get(MODEL_DIMENSION) == [NO_MODEL]


class Backend(Protocol):
    """Something that answers the queries of one data source."""

    def models(self, query: QueryTarget) -> list[str]:
        """Return what the variable ``model`` offers, in order."""

    def answer(self, queries: Queries) -> list[QueryAnswer]:
        """Run every query of one place.

        Raises
        ------
        QueryError
            If one of them is refused.
        """
