"""Queries of the panels for Grafana's CloudWatch data source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.cloudwatch import (
    AnnotationQuery,
    MetricEditorMode,
    MetricQueryType,
    MetricsQuery,
    QueryMode,
)
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

from dashboards.building.grafana import Ready
from dashboards.building.layout import EVERY_MODEL, Calculation, Panel, Part
from dashboards.building.source import REFERENCES
from evergreen.metrics.catalog import MODEL_DIMENSION, NAMESPACE, Metric, MetricSpec, Unit
from evergreen.metrics.event_marks import EVENT_MARKS, MARK_PERIOD_SECONDS, EventMark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.cog.variants import Dataquery
    from grafana_foundation_sdk.models import dashboard as models

    from dashboards.building.search_limits import SearchLimit

DEFAULT_REGION = "default"
"""Grafana's name for the default region of the data source."""

_SELECTED = f"${MODEL_DIMENSION}"
_QUANTILES = ("p50", "p95", "p99")
_STATISTICS: dict[Calculation, str] = {
    Calculation.SUM: "Sum",
    Calculation.MEAN: "Average",
    Calculation.LEAST: "Minimum",
    Calculation.PER_SECOND: "Sum",
    # Each request has the value 0 or 1, so the mean is the share.
    Calculation.SHARE_OF_REQUESTS: "Average",
}
_UNITS: dict[Unit, str] = {
    "Count": "short",
    "None": "none",
    "Seconds": "s",
    "Milliseconds": "ms",
    "Bytes": "bytes",
    "Megabytes": "decmbytes",
    "Percent": "percent",
}


class CloudWatch:
    """Grafana's CloudWatch data source."""

    key: Final = "cloudwatch"
    title: Final = "CloudWatch"

    @property
    def reference(self) -> DataSourceRef:
        """The provisioned data source."""
        return DataSourceRef(type_val="cloudwatch", uid="evergreen-cloudwatch")

    def queries(self, panel: Panel) -> Sequence[Builder[Dataquery]]:
        """Return the panel's queries, with references set."""
        queries = [query for part in panel.parts for query in self._of(part, panel)]
        for reference, query in zip(REFERENCES, queries, strict=False):
            query.ref_id = reference
        return [Ready(query) for query in queries]

    def unit(self, panel: Panel) -> str:
        """Return the unit of the panel's queries."""
        part = panel.parts[0]
        if part.calculation is Calculation.PER_SECOND:
            return "cps"
        if part.calculation is Calculation.SHARE_OF_REQUESTS:
            return "percentunit"
        return _UNITS[part.spec.unit]

    def scale(self, _panel: Panel) -> float:
        """Return 1: the queries give CloudWatch's unit."""
        return 1.0

    def model_variable(self) -> Builder[models.VariableModel]:
        """Return the variable ``model``: the models with at least one prediction, and all."""
        query: dict[str, object] = {
            "queryType": "dimensionValues",
            "region": DEFAULT_REGION,
            "namespace": NAMESPACE,
            "metricName": Metric.PREDICTIONS.value,
            "dimensionKey": MODEL_DIMENSION,
            "dimensionFilters": {},
            "refId": "models",
        }
        return (
            dashboard.QueryVariable(MODEL_DIMENSION)
            .label("Model")
            .datasource(self.reference)
            .query(query)
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .sort(VariableSort.ALPHABETICAL_ASC)
            .include_all(include_all=True)
            .all_value(EVERY_MODEL)  # a wildcard: the data source searches
        )

    def stage_variables(self) -> Sequence[Builder[models.VariableModel]]:
        """Return nothing: the metrics have no dimension that tells stages apart."""
        return ()

    def annotations(self) -> Sequence[Builder[models.AnnotationQuery]]:
        """Return the event marks: the history of the alarms on the events' metrics.

        The data source offers no other kind of annotation.
        """
        return [self._annotation(event) for event in EVENT_MARKS]

    def alert_query(self, spec: MetricSpec, statistic: str) -> MetricsQuery:
        """Return a query of one metric for all models and all values of its second dimension."""
        return self._query(spec, statistic, model="*", period="300", label=_label(spec, "*", None))

    def search_query(self, limit: SearchLimit) -> MetricsQuery:
        """Return a query of every series that a search finds."""
        schema = f"{{{limit.namespace},{limit.dimension}}}"
        terms = " ".join([f'MetricName="{limit.metric}"', *limit.terms])
        expression = f"SEARCH('{schema} {terms}', '{limit.statistic}', {limit.period})"
        return MetricsQuery(
            query_mode=QueryMode.METRICS,
            metric_query_type=MetricQueryType.SEARCH,
            metric_editor_mode=MetricEditorMode.CODE,
            expression=f"FILL({expression}, 0)" if limit.silence_is_zero else expression,
            region=DEFAULT_REGION,
            namespace=limit.namespace,
            metric_name=limit.metric,
            dimensions={limit.dimension: ["*"]},
            statistic=limit.statistic,
            period=str(limit.period),
            label=f"${{PROP('Dim.{limit.dimension}')}}",
            datasource=self.reference,
        )

    def _annotation(self, event: EventMark) -> Builder[models.AnnotationQuery]:
        target = AnnotationQuery(
            query_mode=QueryMode.ANNOTATIONS,
            ref_id=event.title.replace(" ", ""),
            region=DEFAULT_REGION,
            namespace=NAMESPACE,
            metric_name=event.metric.value,
            dimensions={MODEL_DIMENSION: f"${MODEL_DIMENSION}"},
            statistic=event.statistic,
            period=str(MARK_PERIOD_SECONDS),
            prefix_matching=False,
            datasource=self.reference,
        )
        return (
            dashboard.AnnotationQuery()
            .name(event.title)
            .enable(enable=True)
            .icon_color(event.colour)
            .datasource(self.reference)
            .target(Ready(target))
        )

    def _of(self, part: Part, panel: Panel) -> Iterator[MetricsQuery]:
        spec, model = part.spec, part.model or _SELECTED
        if part.calculation is Calculation.QUANTILES:
            for quantile in _QUANTILES:
                label = _label(spec, model, quantile) or quantile
                yield self._query(spec, quantile, label=label, model=model)
            return
        statistic = _STATISTICS[part.calculation]
        if part.calculation is not Calculation.PER_SECOND:
            # Of a part alone, the panel's title says what it is.
            shown = part.legend if len(panel.parts) > 1 else None
            label = _label(spec, model, shown) or part.legend
            yield self._query(spec, statistic, label=label, model=model)
            return
        sums = self._query(spec, statistic, label="", model=model)
        sums.id_val = "sums"
        sums.hide = True
        yield sums
        rate = MetricsQuery(
            query_mode=QueryMode.METRICS,
            metric_query_type=MetricQueryType.SEARCH,
            metric_editor_mode=MetricEditorMode.CODE,
            expression="SUM(sums) / $period" if spec.by else "sums / $period",
            label=part.legend,
            region=DEFAULT_REGION,
            namespace=NAMESPACE,
            period="$period",
            datasource=self.reference,
        )
        yield rate

    def _query(
        self,
        spec: MetricSpec,
        statistic: str,
        *,
        label: str,
        model: str = _SELECTED,
        period: str = "$period",
    ) -> MetricsQuery:
        # The data source replaces variables in a text, but not in the items of a list.
        of_model = model if model == _SELECTED else [model]
        dimensions: dict[str, str | list[str]] = {MODEL_DIMENSION: of_model}
        if spec.by:
            dimensions[spec.by] = ["*"]
        return MetricsQuery(
            query_mode=QueryMode.METRICS,
            metric_query_type=MetricQueryType.SEARCH,
            metric_editor_mode=MetricEditorMode.BUILDER,
            region=DEFAULT_REGION,
            namespace=NAMESPACE,
            metric_name=spec.metric.value,
            dimensions=dimensions,
            match_exact=True,
            statistic=statistic,
            period=period,
            label=label,
            datasource=self.reference,
        )


def _label(spec: MetricSpec, model: str, shown: str | None) -> str:
    """Return CloudWatch's dynamic label of the dimensions that distinguish the series.

    ``shown`` is the quantile, or the legend of what is selected. It is part of the label if the
    second dimension does not say as much.
    """
    several = model in {EVERY_MODEL, _SELECTED}  # "All" may be selected
    dimensions = ([MODEL_DIMENSION] if several else []) + ([spec.by] if spec.by else [])
    names = [f"${{PROP('Dim.{name}')}}" for name in dimensions]
    needed = shown in _QUANTILES or (model == _SELECTED and not spec.by)
    return " ".join(([shown] if shown and needed and names else []) + names)
