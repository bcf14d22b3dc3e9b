"""What a person is told of a compaction; a deployed one runs in tests/integration."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.commands import compact
from cli.main import app
from cli.shared.target import Target

DONE = {
    "model": "flight_delay",
    "table": "request-log",
    "day": "2026-05-04",
    "objects": 3,
    "rows": 40,
    "duplicates": 2,
    "rejected": 1,
}
UPKEEP = {"model": "flight_delay", "rewritten": 4, "snapshots": 0, "removed": 7}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The events that the function gets, with an answer in which each part has something."""
    events: list[dict[str, Any]] = []

    def call(_target: Target, output: str, event: dict[str, Any]) -> dict[str, Any]:
        assert output == "CompactLogsFunctionName"
        events.append(event)
        return {"partitions": [DONE], "upkeep": [UPKEEP]}

    monkeypatch.setattr(compact, "choose", lambda **_: Target("dev", {}))
    monkeypatch.setattr(compact, "call", call)
    return events


def test_it_says_what_came_in_and_what_was_put_in_order(asked: list[dict[str, Any]]) -> None:
    told = CliRunner().invoke(app, ["compact", "flight_delay"])
    assert told.exit_code == 0, told.output
    assert asked == [{"include_open": True, "model": "flight_delay"}]
    assert "2026-05-04" in told.stdout
    assert told.stdout.splitlines()[1].split()[3:] == ["3", "40", "2", "1"]
    assert "flight_delay: 4 small files rewritten, 7 unused files removed" in told.stdout
    assert all(len(line) <= 80 for line in told.stdout.splitlines())


def test_without_a_model_all_are_compacted_and_json_is_the_whole_answer(
    asked: list[dict[str, Any]],
) -> None:
    told = CliRunner().invoke(app, ["compact", "--closed", "--json"])
    assert asked == [{"include_open": False}]
    assert json.loads(told.stdout) == {"partitions": [DONE], "upkeep": [UPKEEP]}


def test_what_glue_does_is_told_when_it_is_switched_on() -> None:
    quiet = {"model": "b", "optimizers": []}
    changed = {"model": "a", "optimizers": ["a_labels: retention"]}
    assert list(compact.upkeep_lines([quiet, changed])) == [
        "a: Glue's optimizers switched on: a_labels: retention"
    ]


def test_an_unknown_model_is_refused_before_anything_is_called(
    asked: list[dict[str, Any]],
) -> None:
    told = CliRunner().invoke(app, ["compact", "no_such"])
    assert told.exit_code != 0
    assert asked == []
