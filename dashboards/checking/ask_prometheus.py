"""Prometheus backend: runs queries over the HTTP API, as Grafana's data source does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx

from dashboards.checking.answers import QueryAnswer, QueryError
from evergreen.metrics.catalog import SPECS
from evergreen.metrics.prometheus import prometheus_name

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.checking.provisioned import Queries, QueryTarget

_TIMEOUT_SECONDS = 30
_MOST_STEPS = 10_000
_LABEL_VALUES = re.compile(r"label_values\((?P<series>\w+(?:\{[^}]*\})?), *(?P<label>\w+)\)")
_COMPARISON = re.compile(r" [<>] 0$")
_NAME = re.compile(r"evergreen_\w+")
_METRICS = {prometheus_name(spec): spec.metric.value for spec in SPECS}


class PrometheusBackend:
    """Answers queries from Prometheus.

    Parameters
    ----------
    url
        Base URL of Prometheus.
    start, end
        The time range of the queries.
    """

    def __init__(self, url: str, start: datetime, end: datetime) -> None:
        self._url = url.rstrip("/")
        self._start = start.timestamp()
        self._end = end.timestamp()

    def values(self, query: QueryTarget) -> list[str]:
        """Return the values of the variable's label."""
        found = _LABEL_VALUES.fullmatch(query["query"])
        if found is None:
            raise QueryError(f"not understood: {query['query']}", where="variable")
        values: list[str] = self._get(
            f"label/{found['label']}/values",
            {"match[]": found["series"], "start": self._start, "end": self._end},
        )
        return values

    def answer(self, queries: Queries) -> list[QueryAnswer]:
        """Run all queries of one panel, variable, annotation or alert rule.

        Raises
        ------
        QueryError
            If Prometheus refuses one.
        """
        if queries.kind == "variable":
            return [
                QueryAnswer(
                    target["refId"], target["query"], _names(target), len(self.values(target))
                )
                for target in queries.targets
            ]
        return [self._range(target, queries.kind) for target in queries.targets]

    def _range(self, target: QueryTarget, kind: str) -> QueryAnswer:
        expression = target["expr"]
        # An event that did not happen has no mark, so only its series must exist.
        asked = _COMPARISON.sub("", expression) if kind == "annotation" else expression
        step = max(15, (self._end - self._start) / _MOST_STEPS)
        result = self._get(
            "query_range",
            {"query": asked, "start": self._start, "end": self._end, "step": step},
        )["result"]
        values = sum(len(series["values"]) for series in result)
        return QueryAnswer(target.get("refId", "A"), expression, _names(target), values)

    def _get(self, path: str, parameters: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
        try:
            response = httpx.get(
                f"{self._url}/api/v1/{path}",
                params=parameters,
                timeout=_TIMEOUT_SECONDS,
                trust_env=False,
            )
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise QueryError(f"no answer: {error}", where=f"{self._url}/api/v1/{path}") from error
        if answer["status"] != "success":
            raise QueryError(answer.get("error", "refused"), where=str(parameters))
        return answer["data"]


def _names(target: QueryTarget) -> tuple[str, ...]:
    """Return the metrics in an expression; one that is not in the table keeps its own name."""
    names = _NAME.findall(target.get("expr") or target["query"])
    families = [name.removesuffix("_sum").removesuffix("_count") for name in names]
    return tuple(_METRICS.get(name, name) for name in dict.fromkeys(families))
