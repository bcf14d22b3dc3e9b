"""The answers of Prometheus to the queries of a panel, as named lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import httpx

from dashboards.checking.answers import QueryError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dashboards.checking.provisioned import QueryTarget

_LABEL = re.compile(r"\{\{(\w+)\}\}")
_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class NamedLine:
    """One series of a panel: its name in the legend, and its values over time."""

    name: str
    times: tuple[float, ...]
    """Seconds since 1970, ascending."""
    values: tuple[float, ...]
    """As many as ``times``; none is NaN."""


class PanelAnswer(NamedTuple):
    """The lines of a panel, and in a few words what of it could not be answered."""

    lines: Sequence[NamedLine]
    note: str = ""


class AnswersPanels(Protocol):
    """What answers the queries of panels."""

    def panel(self, panel: Mapping[str, Any]) -> PanelAnswer:
        """Return the answer to the queries of one panel."""


@dataclass(frozen=True, slots=True)
class PrometheusRange:
    """Asks a Prometheus for a time range.

    Parameters
    ----------
    url
        Its base URL.
    start, end
        The range, in seconds since 1970.
    step
        Seconds between two values.
    """

    url: str
    start: float
    end: float
    step: float

    def panel(self, panel: Mapping[str, Any]) -> PanelAnswer:
        """Return the lines of a panel.

        Raises
        ------
        QueryError
            As :meth:`lines` does.
        """
        return PanelAnswer([line for target in panel["targets"] for line in self.lines(target)])

    def lines(self, target: QueryTarget) -> list[NamedLine]:
        """Return the series of one query, named by its legend.

        Raises
        ------
        QueryError
            If Prometheus refuses the query or does not answer.
        """
        asked = {
            "query": target["expr"],
            "start": self.start,
            "end": self.end,
            "step": self.step,
        }
        where = f"{self.url.rstrip('/')}/api/v1/query_range"
        try:
            answer = httpx.get(
                where, params=asked, timeout=_TIMEOUT_SECONDS, trust_env=False
            ).json()
        except (httpx.HTTPError, ValueError) as error:
            raise QueryError(f"no answer: {error}", where=where) from error
        if answer["status"] != "success":
            raise QueryError(answer.get("error", "refused"), where=target["expr"])
        return [_line(target, series) for series in answer["data"]["result"]]


def legend(form: str, labels: Mapping[str, str]) -> str:
    """Return the name of a series: a legend's form with the values of its labels."""
    return _LABEL.sub(lambda found: labels.get(found[1], ""), form)


def _line(target: QueryTarget, series: Mapping[str, Any]) -> NamedLine:
    pairs = [(float(at), float(value)) for at, value in series["values"] if value != "NaN"]
    times, values = zip(*pairs, strict=True) if pairs else ((), ())
    return NamedLine(legend(target.get("legendFormat", ""), series["metric"]), times, values)
