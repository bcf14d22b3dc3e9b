"""The three kinds of schedule of a drift check, on one model: each is a rule of EventBridge."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.infrastructure.conftest import synthesise
from tests.support.templates import flat, resources

if TYPE_CHECKING:
    from pathlib import Path

SCHEDULES = """schedules = [
    { every = "6 hours", window = "6 hours" }, # on what came in since the last one
    { every = "1 hour", window = "6 hours" },  # sliding
    { every = "1 day", window = "1 day" },
]"""


def test_every_schedule_of_a_model_is_a_rule_with_its_own_window(
    models: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "models" / "flight_delay"
    shutil.copytree(models / "flight_delay", folder)
    text = (folder / "model.toml").read_text()
    one = 'schedules = [{ every = "1 hour", window = "24 hours" }]'
    assert one in text
    (folder / "model.toml").write_text(text.replace(one, SCHEDULES))
    drift = synthesise({"emulator": True}, tmp_path / "models", tmp_path / "out")["Drift"]
    rules = [
        rule
        for rule in resources(drift, "AWS::Events::Rule").values()
        if "ScheduleExpression" in rule
    ]
    found = set()
    for rule in rules:
        (target,) = rule["Targets"]
        assert "CheckDrift" in flat(target["Arn"])
        assert target["DeadLetterConfig"]
        assert rule["State"] == "ENABLED"
        event = json.loads(target["Input"])
        assert event["model"] == "flight_delay"
        found.add((rule["ScheduleExpression"], event["window"]))
    assert found == {
        ("rate(6 hours)", "6 hours"),
        ("rate(1 hour)", "6 hours"),
        ("rate(1 day)", "1 day"),
    }
    assert len(rules) == 3
