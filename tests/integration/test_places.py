"""`evergreen open` and `evergreen predict` while no version is in production."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest
from typer.testing import CliRunner

from cli.commands.open_address import NoSuchPlaceError
from cli.main import app
from cli.shared.traffic import ApiError

if TYPE_CHECKING:
    from cli.shared.target import Target
    from local.stack import Stack


@pytest.fixture(autouse=True)
def at_the_tests_stack(local_stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("shared.target", "commands.open_address"):
        monkeypatch.setattr(f"cli.{module}.read_settings", lambda: local_stack.settings)


def test_every_place_that_is_listed_answers(deployed: Target) -> None:
    result = CliRunner().invoke(app, ["open", "--json"], catch_exceptions=False)
    places = json.loads(result.stdout)
    key = places.pop("api_key")
    assert key == deployed.api_key
    assert places.keys() >= {"status", "api", "mlflow"}
    for place in places.values():
        found = httpx.get(
            place["url"], headers={"x-api-key": key}, timeout=60, follow_redirects=True
        )
        assert found.status_code == 200, place
    listed = CliRunner().invoke(app, ["open"]).stdout
    assert all(place["url"] in listed for place in places.values())


def test_a_place_is_opened_by_its_name(deployed: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_(url: str) -> bool:
        opened.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", open_)
    result = CliRunner().invoke(app, ["open", "status"], catch_exceptions=False)
    assert opened == [f"{deployed.api_url}/"]
    assert opened[0] in result.stdout


def test_an_unknown_place_lists_those_there_are(deployed: Target) -> None:
    result = CliRunner().invoke(app, ["open", "narnia"])
    assert isinstance(result.exception, NoSuchPlaceError)
    assert "status, api" in str(result.exception)


def test_a_prediction_before_the_first_promotion_says_what_is_missing(deployed: Target) -> None:
    result = CliRunner().invoke(app, ["predict", "daily_ridership"])
    assert isinstance(result.exception, ApiError)
    assert "/models/daily_ridership/predict" in str(result.exception)
