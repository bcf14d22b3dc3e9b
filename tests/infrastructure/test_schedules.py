"""The three kinds of schedule of a drift check, on one model: each is a rule of EventBridge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support.templates import flat, resources

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates


def test_every_schedule_of_a_model_is_a_rule_with_its_own_window(
    unusual_emulator: Templates,
) -> None:
    drift = unusual_emulator["Drift"]
    rules = [
        rule
        for rule in resources(drift, "AWS::Events::Rule").values()
        if "night_flights" in flat(rule["Targets"][0].get("Input", ""))
    ]
    found = set()
    for rule in rules:
        (target,) = rule["Targets"]
        assert "CheckDrift" in flat(target["Arn"])
        assert target["DeadLetterConfig"]
        assert rule["State"] == "ENABLED"
        event = json.loads(target["Input"])
        assert event["model"] == "night_flights"
        found.add((rule["ScheduleExpression"], event["window"]))
    assert found == {
        ("rate(6 hours)", "6 hours"),
        ("rate(1 hour)", "6 hours"),
        ("rate(1 day)", "1 day"),
    }
    assert len(rules) == 3
