from __future__ import annotations

import pytest

from dashboards.building.layout import BOARDS, GRID_COLUMNS, Panel, View, rows, words
from evergreen.metrics.catalog import SPECS, Board, Metric

# The list of what must be visible, item by item, and the metric each item stands for.
PROMISED: list[tuple[Board, str, str, Metric]] = [
    ("service", "uptime", "Uptime", Metric.UPTIME),
    ("service", "health", "Health", Metric.HEALTHY),
    ("service", "CPU", "CPU utilization", Metric.CPU),
    ("service", "memory", "Memory used", Metric.MEMORY_USED),
    ("service", "memory of what is configured", "Memory utilization", Metric.MEMORY),
    ("service", "disk reads", "Disk read", Metric.DISK_READ),
    ("service", "disk writes", "Disk written", Metric.DISK_WRITTEN),
    ("service", "container health", "Container health", Metric.HEALTHY),
    ("api", "requests per second", "Requests per second", Metric.REQUESTS),
    ("api", "count per endpoint", "Requests by endpoint", Metric.REQUESTS),
    ("api", "response time per endpoint", "Response time by endpoint", Metric.RESPONSE_TIME),
    ("api", "status breakdown", "Responses by status", Metric.RESPONSES),
    ("api", "4xx", "Client errors", Metric.CLIENT_ERRORS),
    ("api", "5xx", "Server errors", Metric.SERVER_ERRORS),
    ("api", "error rate over time", "Error rate", Metric.SERVER_ERRORS),
    ("api", "request origin IP", "Request origins", Metric.ORIGINS),
    ("data", "batch size", "Batch size", Metric.BATCH_SIZE),
    ("data", "missing", "Missing values", Metric.MISSING_VALUES),
    ("data", "invalid", "Invalid values", Metric.INVALID_VALUES),
    ("data", "out of range", "Out of range", Metric.OUT_OF_RANGE),
    ("data", "unseen category", "Unseen categories", Metric.UNSEEN_CATEGORIES),
    ("data", "drifted features", "Drifted features", Metric.DRIFTED_FEATURES),
    ("data", "share that drifted", "Drifted share", Metric.DRIFTED_SHARE),
    ("data", "how far each moved", "Effect size by feature", Metric.EFFECT_SIZE),
    ("model", "production version", "Production version", Metric.PRODUCTION_VERSION),
    ("model", "load time", "Model load time", Metric.MODEL_LOAD_TIME),
    ("model", "inference time", "Inference time", Metric.INFERENCE_TIME),
    ("model", "output distribution", "Outputs", Metric.OUTPUTS),
    ("model", "confidence", "Confidence", Metric.CONFIDENCE),
    ("api", "refused by the gateway", "Gateway refusals by status", Metric.GATEWAY_REFUSALS),
    ("model", "live metric", "Live metric and metric at promotion", Metric.LIVE_METRIC),
    ("model", "drift-triggered retraining", "Drift retrainings", Metric.DRIFT_RETRAININGS),
]


def panels(board: Board) -> list[Panel]:
    return [panel for row in rows(board) for panel in row.panels]


@pytest.mark.parametrize(
    ("board", "title", "metric"), [(board, title, metric) for board, _, title, metric in PROMISED]
)
def test_every_promised_item_has_a_panel(board: Board, title: str, metric: Metric) -> None:
    found = [panel for panel in panels(board) if panel.title == title]
    assert len(found) == 1
    assert metric in {part.metric for part in found[0].parts}


def test_requests_for_no_model_are_on_the_api_dashboard() -> None:
    parts = {part.metric for panel in panels("api") for part in panel.parts if part.model == "-"}
    assert parts == {
        *(Metric.REQUESTS, Metric.RESPONSES, Metric.RESPONSE_TIME, Metric.GATEWAY_REFUSALS)
    }
    assert not [part for panel in panels("data") for part in panel.parts if part.model]


def test_every_metric_of_the_table_has_a_panel_on_its_dashboard() -> None:
    for spec in SPECS:
        shown = {part.metric for panel in panels(spec.board) for part in panel.parts}
        assert spec.metric in shown


@pytest.mark.parametrize("board", BOARDS)
def test_titles_are_unique_and_rows_fill_the_grid(board: Board) -> None:
    titles = [panel.title for panel in panels(board)]
    assert len(titles) == len(set(titles))
    for panel in panels(board):
        assert panel.says.endswith(".")
        assert 0 < panel.width <= GRID_COLUMNS
    headline = rows(board)[0].panels
    assert sum(panel.width for panel in headline) == GRID_COLUMNS


@pytest.mark.parametrize("board", BOARDS)
def test_one_panel_mixes_no_units(board: Board) -> None:
    for panel in panels(board):
        if panel.view is not View.STAT:
            assert len({(part.spec.unit, part.calculation) for part in panel.parts}) <= 2
            assert len({part.spec.unit for part in panel.parts}) == 1


def test_names_are_read_as_words() -> None:
    assert words(Metric.RESPONSE_TIME) == "Response time"
    assert words(Metric.CPU) == "CPU utilization"
