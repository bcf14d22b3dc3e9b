"""Builds a dashboard: the layout's panels with a data source's queries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import (
    common,
    dashboard,
    piechart,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    BigValueGraphMode,
    GraphDrawStyle,
    GraphThresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    Dashboard,
    DashboardCursorSync,
    DashboardLinkType,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
)

from dashboards.building.cloudwatch_source import CloudWatch
from dashboards.building.grafana import Ready
from dashboards.building.layout import (
    TITLES,
    Calculation,
    Row,
    View,
    limit_of,
    numbered,
)
from dashboards.building.search_limits import SERVICE_PANELS
from dashboards.building.source import DEFAULT_PERIOD, PERIODS
from evergreen.metrics.catalog import Metric

if TYPE_CHECKING:
    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import Panel as PanelModel
    from grafana_foundation_sdk.models.dashboard import ValueMapping, VariableModel

    from dashboards.building.layout import Dashboard as Shown
    from dashboards.building.layout import Panel
    from dashboards.building.search_limits import SearchLimit
    from dashboards.building.source import Source
    from evergreen.metrics.limits import MetricLimit

TAG = "evergreen"
NO_VALUE = "No data in this time range"


def build_board(board: Shown, source: Source) -> Dashboard:
    """Return a dashboard for a data source, with a uid that never changes."""
    builder = (
        dashboard.Dashboard(f"Evergreen {TITLES[board]} ({source.title})")
        .uid(board_uid(board, source))
        .tags([TAG, source.key])
        .readonly()
        .refresh("1m")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .link(_link_to_others(source))
    )
    if board != "overview":  # the marks are of the selected model
        builder.with_variable(source.model_variable())
        for annotation in source.annotations():
            builder.annotation(annotation)
    for stage in source.stage_variables():
        builder.with_variable(stage)
    builder.with_variable(_period_variable())
    for number, part in numbered(board):
        if isinstance(part, Row):
            builder.with_row(dashboard.Row(part.title).id(number))
            continue
        built = _panel(part, source)
        built.id_val = number
        builder.with_panel(Ready(built))
    if board == "overview" and isinstance(source, CloudWatch):
        _with_services(builder, source, number)
    return builder.build()


def _with_services(builder: dashboard.Dashboard, source: CloudWatch, number: int) -> None:
    """Add the row on AWS's own services, whose metrics are in CloudWatch alone."""
    builder.with_row(dashboard.Row("AWS's own services").id(number + 1))
    for place, panel in enumerate(SERVICE_PANELS, start=number + 2):
        query = source.search_query(panel.limit)
        query.ref_id = "A"
        built = (
            _over_time(least_zero=True)
            .title(panel.title)
            .description(panel.says)
            .datasource(source.reference)
            .unit(panel.unit)
            .span(12)
            .height(8)
            .no_value(NO_VALUE)
            .targets([Ready(query)])
            .thresholds(_thresholds(panel.limit, panel.limit.threshold))
            .thresholds_style(_dashed())
            .build()
        )
        built.id_val = place
        builder.with_panel(Ready(built))


def board_uid(board: Shown, source: Source) -> str:
    """Return the uid of a dashboard."""
    return f"evergreen-{board}-{source.key}"


def _panel(panel: Panel, source: Source) -> PanelModel:
    builder = (
        _view(panel)
        .title(panel.title)
        .description(panel.says)
        .datasource(source.reference)
        .unit(source.unit(panel))
        .mappings(_mappings(panel))
        .span(panel.width)
        .height(panel.height)
        .no_value(NO_VALUE)
        .targets(list(source.queries(panel)))
    )
    if limit := limit_of(panel):
        builder.thresholds(_thresholds(limit, limit.threshold * source.scale(panel)))
        if isinstance(builder, timeseries.Panel):
            builder.thresholds_style(_dashed())
    return builder.build()


def _dashed() -> common.GraphThresholdsStyleConfig:
    return common.GraphThresholdsStyleConfig().mode(GraphThresholdsStyleMode.DASHED)


def _thresholds(limit: MetricLimit | SearchLimit, value: float) -> dashboard.ThresholdsConfig:
    below, above = ("red", "green") if limit.below else ("green", "red")
    steps = [Threshold(None, below), Threshold(value, above)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _view(
    panel: Panel,
) -> timeseries.Panel | stat.Panel | piechart.Panel | statetimeline.Panel:
    match panel.view:
        case View.LINES:
            return _over_time(_has_least(panel)).fill_opacity(8).line_width(2)
        case View.BARS:
            return (
                _over_time(least_zero=True)
                .draw_style(GraphDrawStyle.BARS)
                .fill_opacity(70)
                .stacking(common.StackingConfig().mode(StackingMode.NORMAL))
            )
        case View.STAT:
            newest = common.ReduceDataOptions().calcs(["lastNotNull"])
            return stat.Panel().reduce_options(newest).graph_mode(BigValueGraphMode.AREA)
        case View.SHARES:
            total = common.ReduceDataOptions().calcs(["sum"])
            return piechart.Panel().reduce_options(total).legend(_pie_legend())
        case View.STATES:
            lasting = statetimeline.Panel().merge_values(merge_values=True)
            return lasting.show_value(VisibilityMode.ALWAYS).legend(_no_legend())


def _over_time(least_zero: bool) -> timeseries.Panel:  # noqa: FBT001 - named at every call
    legend = (
        common.VizLegendOptions()
        .display_mode(LegendDisplayMode.TABLE)
        .placement(LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max", "mean"])
        .show_legend(show_legend=True)
    )
    panel = timeseries.Panel().legend(legend).span_nulls(span_nulls=True)
    return panel.axis_soft_min(0) if least_zero else panel


def _no_legend() -> common.VizLegendOptions:
    # The value stands in the bar, and the name beside it.
    hidden = common.VizLegendOptions().show_legend(show_legend=False)
    return hidden.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM).calcs([])


def _has_least(panel: Panel) -> bool:
    # On an axis from zero a version number would be a flat line.
    return all(part.metric is not Metric.PRODUCTION_VERSION for part in panel.parts)


def _pie_legend() -> piechart.PieChartLegendOptions:
    return (
        piechart.PieChartLegendOptions()
        .display_mode(LegendDisplayMode.LIST)
        .placement(LegendPlacement.RIGHT)
        .show_legend(show_legend=True)
    )


def _mappings(panel: Panel) -> list[ValueMapping]:
    parts = [(part.metric, part.calculation) for part in panel.parts]
    if panel.view is not View.STAT or parts != [(Metric.HEALTHY, Calculation.LEAST)]:
        return []
    return [
        ValueMap(
            {
                "1": ValueMappingResult(text="healthy", color="green", index=0),
                "0": ValueMappingResult(text="unhealthy", color="red", index=1),
            }
        )
    ]


def _period_variable() -> Builder[VariableModel]:
    choices = ", ".join(f"{name} : {seconds}" for name, seconds in PERIODS.items())
    options = [
        VariableOption(selected=name == DEFAULT_PERIOD, text=name, value=str(seconds))
        for name, seconds in PERIODS.items()
    ]
    return (
        dashboard.CustomVariable("period")
        .label("Period")
        .values(choices)
        .options(options)
        .current(next(option for option in options if option.selected))
    )


def _link_to_others(source: Source) -> dashboard.DashboardLink:
    return (
        dashboard.DashboardLink("Evergreen")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG, source.key])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
