"""Results of the queries, and whether an empty one is allowed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from dashboards.building.search_limits import SERVICE_PANELS
from evergreen.errors import EvergreenError
from evergreen.metrics.catalog import BY_METRIC, MODEL_DIMENSION, NO_MODEL, Metric

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.checking.provisioned import Queries, QueryTarget

MAY_BE_EMPTY: Mapping[Metric, str] = {
    Metric.CONFIDENCE: "a model that predicts numbers has no probabilities",
    Metric.UNJOINED_LABELS: "labels are counted when a day of them is compacted",
}
"""Metrics whose queries may be empty, with the reason; only metrics of the table."""
OF_AWS = {
    panel.limit.metric: "a service of AWS writes it when there is something to count"
    for panel in SERVICE_PANELS
}
"""Metrics that are not in the table and whose queries may be empty, with the reason."""
NO_SUCH_REQUESTS = "nobody has asked for health, documentation or the list of models"
"""Why a query for no model may be empty, whatever the metric."""


WRITTEN_BY = {
    "compact_logs": "written each hour; `evergreen compact MODEL` writes it now",
    "check_drift": "written by drift checks; `evergreen check-drift MODEL` makes one now",
}
"""How the metrics come that a new deployment does not have yet, by their writer."""


class QueryError(EvergreenError):
    """The data source refused a query."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The result of one query.

    Parameters
    ----------
    reference
        The query's letter.
    asks
        Readable description of the query.
    metrics
        The metrics that it asks for.
    values
        Number of values that it returned.
    instead
        The query that replaced it, if the emulator cannot answer it; else empty.
    for_no_model
        Whether it asks for the requests that name no model.
    """

    reference: str
    asks: str
    metrics: tuple[str, ...]
    values: int
    instead: str = ""
    for_no_model: bool = False

    @property
    def excuse(self) -> str | None:
        """Why the answer may be empty, if it may: all its metrics are listed as such."""
        reasons = []
        for name in self.metrics:
            reason = MAY_BE_EMPTY.get(Metric(name)) if name in Metric else OF_AWS.get(name)
            if self.for_no_model and name in Metric:
                reason = NO_SUCH_REQUESTS
            if reason is None:
                return None
            reasons.append(reason)
        return "; ".join(dict.fromkeys(reasons)) or None

    @property
    def hint(self) -> str | None:
        """What makes a value come, if all its metrics are written by one function on a schedule."""
        writers = {BY_METRIC[Metric(name)].emitter for name in self.metrics if name in Metric}
        return WRITTEN_BY.get(writers.pop()) if len(writers) == 1 else None

    @property
    def good(self) -> bool:
        """Whether it returned data, or may be empty."""
        return self.values > 0 or self.excuse is not None


def marked(
    answers: Sequence[QueryAnswer], targets: Sequence[QueryTarget]
) -> tuple[QueryAnswer, ...]:
    """Return the answers to queries, with a mark on those that are for no model."""
    return tuple(
        replace(answer, for_no_model=_is_for_no_model(target))
        for answer, target in zip(answers, targets, strict=True)
    )


def _is_for_no_model(target: QueryTarget) -> bool:
    dimensions = target.get("dimensions") or {}
    in_promql = f'{MODEL_DIMENSION}="{NO_MODEL}"' in str(target.get("expr", ""))
    return in_promql or dimensions.get(MODEL_DIMENSION) == [NO_MODEL]


class Backend(Protocol):
    """A backend that answers the queries of one data source."""

    def values(self, query: QueryTarget) -> list[str]:
        """Return the values of a variable, in order."""

    def answer(self, queries: Queries) -> list[QueryAnswer]:
        """Run all queries of one panel, variable, annotation or alert rule.

        Raises
        ------
        QueryError
            If one of them is refused.
        """
