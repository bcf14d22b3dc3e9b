"""Writes `docs/metrics.md` from the tables of metrics and alarms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cdk.constructs.monitoring.alarm_table import Watched, alarm_table
from cdk.reference.fields import table
from cdk.settings import Settings
from evergreen.metrics.catalog import DIMENSIONS, MODEL_DIMENSION, NAMESPACE, NO_MODEL, SPECS
from evergreen.metrics.prometheus import prometheus_name
from evergreen.model_definition import ModelDefinition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdk.constructs.monitoring.alarm_table import AlarmSpec

METRICS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"

_BOARDS = {"service": "Service", "api": "API", "data": "Data", "model": "Model"}
_READ_AS = {
    "counter": "sum",
    "gauge": "average",
    "distribution": "p50, p99",
}
_INTRODUCTION = f"""\
# Metrics and alarms

This page is generated: `make reference` writes it, and a test compares it with the code.

Every metric is in the CloudWatch namespace `{NAMESPACE}` under the dimension `{MODEL_DIMENSION}`.
A metric with a second dimension is there twice: under `{MODEL_DIMENSION}` alone as the total, and
under both dimensions. Requests that name no model (health, documentation, the list of models) count
for the model `{NO_MODEL}`. A function writes its metrics to its log in the embedded metric format,
once per invocation, and CloudWatch reads them from the log. LocalStack does not read them, so there
the executor that runs the functions puts them, within a second of the invocation.

Where possible, a counter is also written when it is zero. So no data means that nothing ran.

`GET /metrics` gives the same values to Prometheus, from an answer of at most a minute ago. If
CloudWatch does not answer in time, the answer has what could be read, and
`evergreen_metrics_unread` is 1 for each `part` that is missing.
`evergreen_newest_metric_age_seconds` is the age of each model's newest metric.

There is no dimension for the stage. The metrics of two stages in one account and region add up in
their alarms and dashboards. Use another account, or at least another region, for each stage.
"""
_ALARMS = """\
## Alarms

Each alarm notifies the alert topic when it begins and when it ends. Its description says what to
do. `MODEL` stands for each model. LocalStack's CloudWatch has no percentiles: there the maximum
replaces p99. LocalStack evaluates alarms every minute.
"""


def render_metrics_page() -> str:
    """Return the metrics page in Markdown."""
    return "\n".join([_INTRODUCTION, *_metrics(), "", *_dimensions(), "", _ALARMS, *_alarms(), ""])


def _metrics() -> Iterable[str]:
    for board, title in _BOARDS.items():
        rows = [
            (
                f"`{spec.metric}`",
                spec.says,
                spec.unit,
                _READ_AS[spec.kind],
                f"`{spec.by}`" if spec.by else "",
                f"`{spec.emitter}`",
                f"`{prometheus_name(spec)}`",
            )
            for spec in SPECS
            if spec.board == board
        ]
        yield f"## {title}\n"
        heads = ("Metric", "What it says", "Unit", "Read as", "By", "Emitted by", "In Prometheus")
        yield table(heads, rows)
        yield ""


def _dimensions() -> Iterable[str]:
    yield "## Second dimensions\n"
    yield "AWS charges for each value as a metric, so the number of values has a limit.\n"
    yield table(("Dimension", "Its values"), [(f"`{n}`", text) for n, text in DIMENSIONS.items()])


def _alarms() -> Iterable[str]:
    model = ModelDefinition.model_validate(
        {
            "name": "model",
            "task": "classification",
            "target": "y",
            "features": {"x": {"type": "float"}},
        }
    )
    watched = Watched(
        models={"MODEL": model},
        predict={"MODEL": "the model's function"},
        functions={"check_drift": "check_drift", "compact_logs": "compact_logs"},
        rest_api="the API",
        state_machine="the state machine",
        dead_letters={stack: f"{stack.lower()}-dead-letters" for stack in _STACKS},
        check_machine="the state machine of the checks",
    )
    rows = [
        (
            f"`{spec.name}`",
            f"`{spec.namespace}` {' + '.join(f'`{name}`' for name in (spec.metric, *spec.also))}",
            _when(spec),
            spec.todo,
        )
        for spec in alarm_table(watched, Settings())
    ]
    yield table(("Alarm", "Metric", "When", "What to do"), rows)


_STACKS = ("Serving", "Drift", "Alerts", "Retraining")


def _when(spec: AlarmSpec) -> str:
    sign = "<" if spec.below else ">="
    times = "" if spec.periods == 1 else f"{spec.periods} x "
    silence = " or no data" if spec.silence else ""
    minutes = spec.seconds // 60
    return f"{spec.statistic} {sign} {spec.threshold:g} in {times}{minutes} min{silence}"
