"""Queries of the panels for Grafana's Prometheus data source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort
from grafana_foundation_sdk.models.prometheus import Dataquery as PrometheusQuery
from grafana_foundation_sdk.models.prometheus import QueryEditorMode

from dashboards.building.grafana import Ready
from dashboards.building.layout import EVERY_MODEL, Calculation, Panel, Part
from dashboards.building.source import REFERENCES
from evergreen.metrics.catalog import BY_METRIC, MODEL_DIMENSION, NO_MODEL, Metric, Unit
from evergreen.metrics.cloudwatch import dimensions
from evergreen.metrics.event_marks import EVENT_MARKS, EventMark
from evergreen.metrics.prometheus import prometheus_name, prometheus_scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import dashboard as models

STAGE_LABEL = "stage"
"""The label that the configuration of the scrape adds to every series."""

_PERIOD = "[${period}s]"
_UNITS: dict[Unit, str] = {
    "Count": "short",
    "None": "none",
    "Seconds": "s",
    "Milliseconds": "s",
    "Bytes": "bytes",
    "Megabytes": "bytes",
    "Percent": "percentunit",
}


class Prometheus:
    """Grafana's Prometheus data source."""

    key: Final = "prometheus"
    title: Final = "Prometheus"

    @property
    def reference(self) -> DataSourceRef:
        """The provisioned data source."""
        return DataSourceRef(type_val="prometheus", uid="evergreen-prometheus")

    def queries(self, panel: Panel) -> Sequence[Builder[Dataquery]]:
        """Return the panel's queries, with references set."""
        return [
            Ready(
                PrometheusQuery(
                    expr=expression(part),
                    ref_id=reference,
                    legend_format=_legend(part, alone=len(panel.parts) == 1),
                    editor_mode=QueryEditorMode.CODE,
                    range_val=True,
                    datasource=self.reference,
                )
            )
            for reference, part in zip(REFERENCES, panel.parts, strict=False)
        ]

    def unit(self, panel: Panel) -> str:
        """Return the unit of the panel's queries."""
        part = panel.parts[0]
        if part.calculation is Calculation.PER_SECOND:
            return "cps"
        if part.calculation is Calculation.SHARE_OF_REQUESTS:
            return "percentunit"
        return _UNITS[part.spec.unit]

    def scale(self, panel: Panel) -> float:
        """Return the factor from CloudWatch's unit to Prometheus' base unit."""
        part = panel.parts[0]
        shared = part.calculation is Calculation.SHARE_OF_REQUESTS  # a share has no unit
        return 1.0 if shared else prometheus_scale(part.spec)

    def model_variable(self) -> Builder[models.VariableModel]:
        """Return the variable ``model``: the models with at least one prediction, and all."""
        # Of "All" the data source makes a regular expression of these models.
        return self._variable(MODEL_DIMENSION, "Model", "models").include_all(include_all=True)

    def stage_variables(self) -> Sequence[Builder[models.VariableModel]]:
        """Return the variable ``stage``, from the label that the scrape gives to every series.

        It has no "All", because two stages of one model would be one series. A Prometheus without
        the label leaves it empty, and that selects the series without the label.
        """
        return [self._variable(STAGE_LABEL, "Stage", "stages")]

    def _variable(self, label: str, title: str, reference: str) -> dashboard.QueryVariable:
        name = prometheus_name(BY_METRIC[Metric.PREDICTIONS])
        series = f'{name}{{{MODEL_DIMENSION}!="{NO_MODEL}"}}'
        query: dict[str, object] = {
            "query": f"label_values({series}, {label})",
            "refId": reference,
        }
        return (
            dashboard.QueryVariable(label)
            .label(title)
            .datasource(self.reference)
            .query(query)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
        )

    def annotations(self) -> Sequence[Builder[models.AnnotationQuery]]:
        """Return the event marks: when a counter has increased, or while an event lasts."""
        return [self._event(event) for event in EVENT_MARKS]

    def _event(self, event: EventMark) -> Builder[models.AnnotationQuery]:
        calculation = Calculation.MEAN if event.lasts else Calculation.SUM
        shown = expression(Part(event.metric, calculation, event.title))
        return self._annotation(event.title, event.says, event.colour, f"{shown} > 0")

    def _annotation(
        self, title: str, says: str, colour: str, query: str
    ) -> Builder[models.AnnotationQuery]:
        return (
            dashboard.AnnotationQuery()
            .name(title)
            .enable(enable=True)
            .icon_color(colour)
            .datasource(self.reference)
            .expr(query)
            .step("60s")
            .title_format(title)
            .text_format(says)
            .tag_keys(MODEL_DIMENSION)
        )


def expression(part: Part) -> str:
    """Return the PromQL of one part of a panel."""
    spec = part.spec
    name = prometheus_name(spec)
    labels = ", ".join(dimensions(spec))
    which = f'="{part.model}"' if part.model else f'=~"${MODEL_DIMENSION}"'
    if part.model == EVERY_MODEL:
        which = f'!="{NO_MODEL}"'
    selected = f'{{{MODEL_DIMENSION}{which}, {STAGE_LABEL}="${STAGE_LABEL}"}}'
    series = f"{name}{selected}"
    requests = prometheus_name(BY_METRIC[Metric.REQUESTS])
    mean = (
        _ratio(f"{name}_sum{selected}", f"{name}_count{selected}", labels)
        if spec.kind == "distribution"
        else f"avg by ({labels}) (avg_over_time({series}{_PERIOD}))"
    )
    return {
        Calculation.SUM: f"sum by ({labels}) (increase({series}{_PERIOD}))",
        Calculation.PER_SECOND: f"sum by ({MODEL_DIMENSION}) (rate({series}{_PERIOD}))",
        Calculation.LEAST: f"min by ({labels}) (min_over_time({series}{_PERIOD}))",
        Calculation.QUANTILES: f"max by ({labels}, quantile) ({series})",
        Calculation.MEAN: mean,
        Calculation.SHARE_OF_REQUESTS: _ratio(series, requests + selected, MODEL_DIMENSION),
    }[part.calculation]


def _ratio(numerator: str, denominator: str, labels: str) -> str:
    sums = [
        f"sum by ({labels}) (increase({series}{_PERIOD}))" for series in (numerator, denominator)
    ]
    return " / ".join(sums)


def _legend(part: Part, *, alone: bool) -> str:
    names = ["quantile"] if part.calculation is Calculation.QUANTILES else []
    if part.spec.by and part.calculation is not Calculation.PER_SECOND:
        names.append(part.spec.by)
    forms = [
        f"quantile {{{{{name}}}}}" if name == "quantile" else f"{{{{{name}}}}}" for name in names
    ]
    if part.model is None:  # "All" gives a series for each model
        # Of a part alone, the panel's title says what it is.
        shown = forms or ([] if alone else [part.legend])
        return " ".join([f"{{{{{MODEL_DIMENSION}}}}}", *shown])
    if part.model == EVERY_MODEL:
        forms.insert(0, f"{{{{{MODEL_DIMENSION}}}}}")
    return " ".join(forms) or part.legend
