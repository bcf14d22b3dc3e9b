"""`evergreen check-drift` from the command line, on a deployed model whose inputs drifted."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.shared.demo_steps import MODEL, MODELS, example_row
from cli.shared.traffic import Api
from evergreen.clock import to_text, utc_now
from evergreen.model_definition import find_definition
from tests.support.prometheus_server import wait
from tests.support.serving_flights import wait_until_flights_serve

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from typer.testing import Result

    from cli.shared.target import Target
    from local.stack import Stack

ROWS = 400


@dataclass(frozen=True, slots=True)
class Window:
    """The time in which the same flight was requested again and again."""

    start: datetime
    end: datetime

    @property
    def options(self) -> list[str]:
        seconds = round((self.end - self.start).total_seconds())
        return ["--window", f"{seconds} seconds", "--end", to_text(self.end)]


@pytest.fixture(scope="module")
def window(deployed: Target) -> Window:
    definition = find_definition(MODELS, MODEL)
    with Api.of(deployed) as api:
        wait_until_flights_serve(deployed, api)
        start = utc_now()
        for _ in range(2):
            api.predict(MODEL, {"instances": [example_row()] * (ROWS // 2)})
    lake = deployed.lake
    wait(
        lambda: lake.predictions(definition, start, utc_now()).num_rows >= ROWS or None,
        seconds=60,
        what="the rows in the log",
    )
    end = utc_now()
    # The option takes whole seconds. One second too many is better than losing the last rows.
    return Window(end - timedelta(seconds=math.ceil((end - start).total_seconds())), end)


@pytest.fixture(autouse=True)
def at_the_tests_stack(local_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.shared.target.read_settings", lambda: local_stack.settings)


def evergreen(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check-drift", *arguments], catch_exceptions=False)


def test_one_screen_says_what_moved_and_where_the_report_is(window: Window) -> None:
    result = evergreen(MODEL, *window.options)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f"{MODEL}  DRIFT" in lines
    assert "What moved" in result.stdout
    assert "data drift since" in result.stdout
    assert "All features together: told apart" in result.stdout
    [report] = [line.removeprefix("Report  ") for line in lines if line.startswith("Report")]
    page = httpx.get(report, timeout=60)
    assert page.status_code == 200
    assert "<html" in page.text
    assert "Where it is" in page.text
    assert len(page.content) < 1_000_000
    assert "│" not in result.stdout  # histograms are shown only with --explain


def test_explained_it_draws_what_moved(window: Window, tmp_path: Path) -> None:
    page = tmp_path / "evidently.html"
    result = evergreen(MODEL, *window.options, "--explain", "--evidently", str(page))
    assert f"Evidently's page  {page}" in result.stdout
    assert "plotly" in page.read_text(encoding="utf-8").lower()
    sides = [line for line in result.stdout.splitlines() if line.startswith("  window")]
    assert sides
    # All rows have the same value, so the histogram has one full column.
    assert any(line.split("│")[1].strip() == "█" for line in sides)


def test_as_json_it_is_the_check_that_was_written(window: Window, deployed: Target) -> None:
    found = json.loads(evergreen(MODEL, *window.options, "--explain", "--json").stdout)
    assert found["verdict"] == "drift"
    assert found["rows"] >= ROWS
    written = (deployed.storage.get(found["log"]) or b"").splitlines()
    assert found["records"] == [json.loads(line) for line in written]
    moved = {
        each["feature_name"]
        for each in found["records"]
        if each["kind"] == "univariate" and each["drifted"]
    }
    assert set(found["histograms"]) <= moved
    for picture in found["histograms"].values():
        assert sum(picture["reference"]) == pytest.approx(1)
        assert sum(picture["window"]) == pytest.approx(1)


def test_a_window_without_traffic_is_too_little_data(window: Window) -> None:
    before = to_text(window.start - timedelta(days=300))
    result = evergreen(MODEL, "--window", "1 minute", "--end", before)
    assert f"{MODEL}  TOO LITTLE DATA" in result.stdout.splitlines()
    assert "Look at a longer --window" in result.stdout


def test_predict_asks_for_one_row_and_shows_the_answer(window: Window) -> None:
    result = CliRunner().invoke(app, ["predict", MODEL, "--json"], catch_exceptions=False)
    answer = json.loads(result.stdout)
    shown = CliRunner().invoke(app, ["predict", MODEL], catch_exceptions=False).stdout
    assert shown.startswith(f"{answer['predictions'][0]}  (confidence ")
    assert f"version {answer['model_version']} of {MODEL}" in shown
