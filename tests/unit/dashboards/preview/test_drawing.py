"""Pictures of dashboards: what is written and drawn where, for panels of the real files."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboards.building.build import PROVISIONING
from dashboards.preview.drawing import COLUMNS, draw_board
from dashboards.preview.results import NamedLine, PanelAnswer, legend

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

END = datetime(2026, 11, 29, 12, tzinfo=UTC)
START = END - timedelta(hours=1)


def board(*titles: str) -> dict[str, Any]:
    """The board of the API with some of its panels alone."""
    path = PROVISIONING / "dashboards" / "prometheus" / "api.json"
    whole: dict[str, Any] = json.loads(path.read_text())
    chosen = [panel for panel in whole["panels"] if panel["title"] in titles]
    assert len(chosen) == len(titles)
    return {**whole, "panels": chosen}


def line(name: str, *values: float) -> NamedLine:
    times = [START.timestamp() + 600 * number for number in range(len(values))]
    return NamedLine(name, tuple(times), values)


def drawn(figure: Figure) -> set[str]:
    figure.savefig(io.BytesIO(), format="png")  # nothing is laid out before
    return {text.get_text() for text in figure.texts}


def test_a_panel_has_its_title_its_lines_with_last_max_and_mean_and_its_threshold() -> None:
    shown = board("Over time", "Error rate")

    def ask(panel: Mapping[str, Any]) -> PanelAnswer:
        assert panel["targets"]
        return PanelAnswer([line("5xx", 0.01, 0.07, 0.04), line("4xx", 0.02, 0.02)])

    figure = draw_board(shown, ask, START, END)
    texts = drawn(figure)
    assert {"Evergreen API (Prometheus)", "▾ Over time", "Error rate", "5xx", "4xx"} <= texts
    assert {"Last", "Max", "Mean", "4%", "7%", "2%"} <= texts
    chart = figure.axes[-1]
    dashed = [each for each in chart.lines if each.get_linestyle() == "--"]
    assert [np.asarray(each.get_ydata())[0] for each in dashed] == [0.05]
    assert {label.get_text()[-1] for label in chart.get_yticklabels()} == {"%"}


def test_the_number_of_a_panel_has_the_colour_of_its_threshold() -> None:
    def colour(value: float) -> object:
        shown = board("Error rate now")
        figure = draw_board(shown, lambda _: PanelAnswer([line("", 0, value)]), START, END)
        return next(text.get_color() for text in figure.texts if text.get_text().endswith("%"))

    assert colour(0.01) != colour(0.2)


def test_shares_are_those_of_the_sums() -> None:
    def ask(_: Mapping[str, Any]) -> PanelAnswer:
        return PanelAnswer([line("200", 2, 1), line("422", 1), line("500", 0)])

    texts = drawn(draw_board(board("Share of each status"), ask, START, END))
    assert {"200  75.0%", "422  25.0%"} <= texts
    assert not [text for text in texts if text.startswith("500")]


def test_without_data_the_panel_says_what_its_file_says() -> None:
    titles = ("Error rate now", "Error rate", "Share of each status")
    figure = draw_board(board(*titles), lambda _: PanelAnswer([line("none")]), START, END)
    said = [text.get_text() for text in figure.texts]
    assert said.count("No data in this time range") == len(titles)


def test_what_could_not_be_answered_is_said_in_the_panel() -> None:
    note = "p99: not available on LocalStack"
    alone = draw_board(board("Error rate"), lambda _: PanelAnswer([], note), START, END)
    assert note in drawn(alone)
    assert "No data in this time range" not in drawn(alone)
    beside = draw_board(
        board("Error rate"), lambda _: PanelAnswer([line("p", 1)], note), START, END
    )
    assert {note, "p"} <= drawn(beside)


def test_a_long_name_leaves_room_for_the_values() -> None:
    name = "flight_delay /models/{model}/ground-truth of another stage"
    texts = drawn(
        draw_board(board("Error rate"), lambda _: PanelAnswer([line(name, 1)]), START, END)
    )
    (shown,) = [text for text in texts if text.startswith("flight_delay")]
    assert shown.endswith("…")
    assert name.startswith(shown[:-1])


def test_a_panel_lies_where_the_grid_says() -> None:
    shown = board("Error rate now", "Log spills now")
    figure = draw_board(shown, lambda _: PanelAnswer([]), START, END)
    left = [panel["gridPos"]["x"] / COLUMNS for panel in shown["panels"]]
    assert [round(axes.get_position().x0, 1) for axes in figure.axes] == [
        round(each, 1) for each in left
    ]


def test_a_legend_takes_the_labels_of_its_series() -> None:
    labels = {"endpoint": "/predict", "quantile": "0.99"}
    assert legend("p{{quantile}} {{endpoint}}{{other}}", labels) == "p0.99 /predict"
    assert legend("errors", labels) == "errors"


def test_a_state_is_a_bar_as_long_as_it_lasts_with_its_value_in_it() -> None:
    path = PROVISIONING / "dashboards" / "prometheus" / "model.json"
    whole = json.loads(path.read_text())
    chosen = [panel for panel in whole["panels"] if panel["title"] == "Production version"]
    assert chosen[0]["type"] == "state-timeline"
    versions = line("Production version", 1, 1, 3, 3, 3)
    figure = draw_board({**whole, "panels": chosen}, lambda _: PanelAnswer([versions]), START, END)
    drawn(figure)
    chart = figure.axes[-1]
    widths = [round(bar.get_width() * 86_400) for bar in chart.patches]  # type: ignore[attr-defined]
    assert widths == [1200, 2400]
    assert [text.get_text() for text in chart.texts] == ["1", "3"]
