"""Layout of the dashboards, independent of the data source.

Every metric of the table gets a panel by rule: its kind decides how it is drawn and computed. A few
panels combine metrics, so no rule can make them; they are defined here. A metric that is added to
the table appears on its dashboard without another line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from evergreen.metrics.catalog import BY_METRIC, NO_MODEL, SPECS, Board, Metric, MetricSpec
from evergreen.metrics.limits import LIMIT_OF, MetricLimit

if TYPE_CHECKING:
    from collections.abc import Iterator

type Dashboard = Board | Literal["overview"]
BOARDS: tuple[Dashboard, ...] = ("overview", "service", "api", "data", "model")
TITLES: dict[Dashboard, str] = {
    "overview": "Overview",
    "service": "Service",
    "api": "API",
    "data": "Data",
    "model": "Model",
}
EVERY_MODEL = "*"
"""In the place of a model: a series for each model."""

GRID_COLUMNS = 24
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


class View(StrEnum):
    """How a panel is drawn."""

    LINES = "lines"
    BARS = "bars"
    STAT = "stat"
    SHARES = "shares"
    STATES = "states"


class Calculation(StrEnum):
    """What is computed from a metric for each period."""

    SUM = "sum"
    MEAN = "mean"
    LEAST = "least"
    QUANTILES = "quantiles"
    PER_SECOND = "per second"
    SHARE_OF_REQUESTS = "share of requests"


_SHOWS: dict[str, tuple[Calculation, ...]] = {
    "Average": (Calculation.SHARE_OF_REQUESTS,),
    "Maximum": (Calculation.MEAN,),
    "Minimum": (Calculation.LEAST, Calculation.MEAN),
    "Sum": (Calculation.SUM,),
    "p99": (Calculation.QUANTILES,),
}
"""What a panel shows that a limit of this statistic can be compared with."""


@dataclass(frozen=True, slots=True)
class Part:
    """One metric of a panel.

    Parameters
    ----------
    metric
        The metric. If it has a second dimension, each value of that is a series.
    calculation
        What is computed from it.
    legend
        Name of its series, if the second dimension does not give it.
    model
        The model, if it is not the selected one, or :data:`EVERY_MODEL`.
    """

    metric: Metric
    calculation: Calculation
    legend: str
    model: str | None = None

    @property
    def spec(self) -> MetricSpec:
        """The metric's entry in the table."""
        return BY_METRIC[self.metric]


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel."""

    title: str
    says: str
    view: View
    parts: tuple[Part, ...]
    width: int
    height: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


def rows(board: Dashboard) -> tuple[Row, ...]:
    """Return all rows of a dashboard: the overview, one panel for each metric, and the events."""
    if board == "overview":
        return _OVERVIEW
    return (
        Row("Now", _side_by_side(_HEADLINES[board])),
        Row("Over time", (*_JOINED.get(board, ()), *(by_rule(spec) for spec in _of(board)))),
        *((Row("For no model", _FOR_NO_MODEL),) if board == "api" else ()),
        Row("What happened", (_EVENTS,)),
    )


def numbered(board: Dashboard) -> Iterator[tuple[int, Row | Panel]]:
    """Yield the rows of a dashboard and their panels, each with its number on the dashboard."""
    parts = (part for row in rows(board) for part in (row, *row.panels))
    yield from enumerate(parts, start=1)


def limit_of(panel: Panel) -> MetricLimit | None:
    """Return the limit of what a panel shows, or None if it has none or several."""
    found = [
        limit
        for part in panel.parts
        if (limit := LIMIT_OF.get(part.metric)) and part.calculation in _SHOWS[limit.statistic]
    ]
    return found[0] if len(found) == 1 else None


def by_rule(spec: MetricSpec) -> Panel:
    """Return a metric's panel, made by the rule for its kind."""
    view, calculation = {
        "counter": (View.BARS, Calculation.SUM),
        "gauge": (View.LINES, Calculation.MEAN),
        "distribution": (View.LINES, Calculation.QUANTILES),
    }[spec.kind]
    if spec.metric is Metric.PRODUCTION_VERSION:  # the mean of two versions is not a version
        view, calculation = View.STATES, Calculation.LEAST
    part = Part(spec.metric, calculation, words(spec.metric))
    return Panel(_title(spec), _sentence(spec.says), view, (part,), width=8)


def words(metric: Metric) -> str:
    """Return a metric's name as words: ``ResponseTime`` is "Response time"."""
    text = _WORD_START.sub(" ", metric.value).capitalize()
    return text.replace("Cpu", "CPU")


def _title(spec: MetricSpec) -> str:
    name = words(spec.metric)
    # "Request origins by origin" would say no more than "Request origins".
    return name if spec.by is None or spec.by in name.lower() else f"{name} by {spec.by}"


def _sentence(says: str) -> str:
    return f"{says[0].upper()}{says[1:]}."


def _of(board: Board) -> tuple[MetricSpec, ...]:
    # The gateway refuses calls before it is known which model they are for.
    return tuple(spec for spec in SPECS if spec.board == board and spec.emitter != "gateway")


def _now(metric: Metric, title: str, calculation: Calculation) -> Panel:
    says = _sentence(BY_METRIC[metric].says)
    return Panel(title, says, View.STAT, (Part(metric, calculation, title),), width=0, height=4)


def _side_by_side(panels: tuple[Panel, ...]) -> tuple[Panel, ...]:
    width = GRID_COLUMNS // len(panels)
    return tuple(
        Panel(panel.title, panel.says, panel.view, panel.parts, width, panel.height)
        for panel in panels
    )


_HEADLINES: dict[Board, tuple[Panel, ...]] = {
    "service": (
        _now(Metric.HEALTHY, "Health", Calculation.LEAST),
        _now(Metric.UPTIME, "Uptime now", Calculation.MEAN),
        _now(Metric.CPU, "CPU now", Calculation.MEAN),
        _now(Metric.MEMORY, "Memory now", Calculation.MEAN),
    ),
    "api": (
        _now(Metric.REQUESTS, "Requests per second now", Calculation.PER_SECOND),
        _now(Metric.SERVER_ERRORS, "Error rate now", Calculation.SHARE_OF_REQUESTS),
        _now(Metric.LOG_SPILLS, "Log spills now", Calculation.SUM),
    ),
    "data": (
        _now(Metric.PREDICTIONS, "Rows per second now", Calculation.PER_SECOND),
        _now(Metric.DRIFTED_SHARE, "Drifted share now", Calculation.MEAN),
        _now(Metric.WINDOW_ROWS, "Window rows now", Calculation.MEAN),
    ),
    "model": (
        _now(Metric.PRODUCTION_VERSION, "Version in production", Calculation.LEAST),
        _now(Metric.CONFIDENCE, "Confidence now", Calculation.MEAN),
        _now(Metric.PROMOTIONS, "Promotions in the period", Calculation.SUM),
    ),
}

_JOINED: dict[Board, tuple[Panel, ...]] = {
    "service": (
        Panel(
            "Container health",
            "Whether the containers are healthy, and how many new ones were started.",
            View.LINES,
            (
                Part(Metric.HEALTHY, Calculation.LEAST, "healthy"),
                Part(Metric.COLD_STARTS, Calculation.SUM, "cold starts"),
                Part(Metric.MODEL_LOAD_FAILURES, Calculation.SUM, "models that did not load"),
            ),
            width=8,
        ),
    ),
    "api": (
        Panel(
            "Requests per second",
            "All endpoints together.",
            View.LINES,
            (Part(Metric.REQUESTS, Calculation.PER_SECOND, "requests"),),
            width=8,
        ),
        Panel(
            "Error rate",
            "Share of the requests that were answered with a 4xx or 5xx status.",
            View.LINES,
            (
                Part(Metric.CLIENT_ERRORS, Calculation.SHARE_OF_REQUESTS, "4xx"),
                Part(Metric.SERVER_ERRORS, Calculation.SHARE_OF_REQUESTS, "5xx"),
            ),
            width=8,
        ),
        Panel(
            "Share of each status",
            "Responses by status code, over the whole time range.",
            View.SHARES,
            (Part(Metric.RESPONSES, Calculation.SUM, "answers"),),
            width=8,
        ),
    ),
    "data": (
        Panel(
            "Data quality",
            "Values that were missing, refused, out of range or not seen in training.",
            View.BARS,
            (
                Part(Metric.MISSING_VALUES, Calculation.SUM, "missing"),
                Part(Metric.INVALID_VALUES, Calculation.SUM, "invalid"),
                Part(Metric.OUT_OF_RANGE, Calculation.SUM, "out of range"),
                Part(Metric.UNSEEN_CATEGORIES, Calculation.SUM, "unseen category"),
            ),
            width=16,
        ),
    ),
    "model": (
        Panel(
            "Live metric and metric at promotion",
            "F1 or RMSE on labelled traffic, as each drift check measures it, beside its value at "
            "promotion.",
            View.LINES,
            (
                Part(Metric.LIVE_METRIC, Calculation.MEAN, "live"),
                Part(Metric.PROMOTION_METRIC, Calculation.MEAN, "at promotion"),
                Part(Metric.ESTIMATED_METRIC, Calculation.MEAN, "estimated, without labels"),
            ),
            width=16,
        ),
        Panel(
            "Share of each output",
            "Outputs by class or range, over the whole time range.",
            View.SHARES,
            (Part(Metric.OUTPUTS, Calculation.SUM, "outputs"),),
            width=8,
        ),
    ),
}


def _for_no_model(
    metric: Metric,
    title: str,
    view: View,
    calculation: Calculation,
    says: str = "Requests that name no model, or an unknown one: health, documentation, lists.",
) -> Panel:
    return Panel(title, says, view, (Part(metric, calculation, title, NO_MODEL),), width=8)


_FOR_NO_MODEL = (
    _for_no_model(Metric.REQUESTS, "Requests for no model by endpoint", View.BARS, Calculation.SUM),
    _for_no_model(Metric.RESPONSES, "Responses for no model by status", View.BARS, Calculation.SUM),
    _for_no_model(
        Metric.RESPONSE_TIME,
        "Response time for no model by endpoint",
        View.LINES,
        Calculation.QUANTILES,
    ),
    _for_no_model(
        Metric.GATEWAY_REFUSALS,
        "Gateway refusals by status",
        View.BARS,
        Calculation.SUM,
        "Calls that API Gateway refused before any function: 403 without a valid key or path, 429 "
        "over the rate or the quota.",
    ),
)

_EVENTS = Panel(
    "Retraining",
    "Retrainings, their causes and their results; the same on every dashboard.",
    View.BARS,
    (
        Part(Metric.DRIFT_RETRAININGS, Calculation.SUM, "started by drift"),
        Part(Metric.RETRAININGS, Calculation.SUM, "challengers trained"),
        Part(Metric.PROMOTIONS, Calculation.SUM, "promoted"),
        Part(Metric.REJECTIONS, Calculation.SUM, "rejected"),
        Part(Metric.ROLLBACKS, Calculation.SUM, "rolled back"),
    ),
    width=GRID_COLUMNS,
    height=6,
)


def _of_every_model(metric: Metric, title: str, view: View, calculation: Calculation) -> Panel:
    says = _sentence(BY_METRIC[metric].says)
    return Panel(title, says, view, (Part(metric, calculation, title, EVERY_MODEL),), width=8)


_OVERVIEW = (
    Row(
        "Every model: does it answer?",
        (
            _of_every_model(Metric.HEALTHY, "Health by model", View.LINES, Calculation.LEAST),
            _of_every_model(Metric.PREDICTIONS, "Rows by model", View.BARS, Calculation.SUM),
            _of_every_model(
                Metric.SERVER_ERRORS,
                "Share of failed answers by model",
                View.LINES,
                Calculation.SHARE_OF_REQUESTS,
            ),
        ),
    ),
    Row(
        "Every model: is it right?",
        (
            _of_every_model(
                Metric.DRIFTED_SHARE, "Drifted share by model", View.LINES, Calculation.MEAN
            ),
            _of_every_model(
                Metric.LIVE_METRIC, "Live metric by model", View.LINES, Calculation.MEAN
            ),
            _of_every_model(
                Metric.PRODUCTION_VERSION, "Version by model", View.STATES, Calculation.LEAST
            ),
        ),
    ),
    Row(
        "Every model: what happened?",
        (
            _of_every_model(
                Metric.DRIFT_RETRAININGS, "Retrainings by drift", View.BARS, Calculation.SUM
            ),
            _of_every_model(Metric.PROMOTIONS, "Promotions by model", View.BARS, Calculation.SUM),
            _of_every_model(Metric.ROLLBACKS, "Rollbacks by model", View.BARS, Calculation.SUM),
        ),
    ),
)
