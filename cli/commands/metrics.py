"""`evergreen metrics`: the metrics of a deployment as numbers."""

from __future__ import annotations

from typing import Annotated, Literal

import typer
from rich.table import Column, Table

from cli.shared import console
from cli.shared.options import Aws, Json, Stage, complete_model
from cli.shared.target import choose
from evergreen.clock import utc_now
from evergreen.metrics.values import MetricValue, read_metric_values, together

_UNITS = {"Milliseconds": "ms", "Seconds": "s", "Percent": "%", "Bytes": "bytes", "Megabytes": "MB"}


def command(
    model: Annotated[
        str | None,
        typer.Argument(
            help="Name of the model. Default: all models, and requests that name none.",
            autocompletion=complete_model,
        ),
    ] = None,
    *,
    span: Annotated[Literal["1h", "24h", "7d"], typer.Option(help="How far back.")] = "24h",
    detail: Annotated[
        bool, typer.Option("--detail", help="Also by endpoint, status, feature and so on.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Show every metric that has a value: the numbers behind dashboards and alarms.

    Of a counter it is the sum, of a gauge the newest value, of a distribution the mean and the
    largest value. A metric that is told apart by endpoint, status or feature has one line, with the
    sum, or for other kinds the largest; --detail and --json have a line for each.

    CloudWatch lists a new metric up to 15 minutes late. docs/metrics.md says what each means.

    Next: `evergreen status`, or the dashboards: `evergreen open`.
    """
    target = choose(aws=aws, stage=stage)
    values = read_metric_values(target.client("cloudwatch"), model, span, utc_now())
    if json:
        console.document([each.model_dump(mode="json") for each in values])
        return
    if not values:
        console.out.print(f"No metric has a value within {span}.")
        return
    table = Table(
        *("Model", Column("Metric", overflow="fold"), Column("Value", justify="right"), "Newest"),
        box=None,
    )
    for each in values if detail else together(values):
        by = f" ({each.by})" if each.by else ""
        table.add_row(each.model, f"{each.metric}{by}", _value(each), f"{each.newest_at:%d %H:%M}")
    console.out.print(table)


def _value(each: MetricValue) -> str:
    unit = _UNITS.get(each.unit, "")
    said = f"{_number(each.value)} {unit}".rstrip()
    if each.kind != "distribution":
        return said
    return f"{said}, max {_number(each.largest)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) else f"{value:,.4g}"
