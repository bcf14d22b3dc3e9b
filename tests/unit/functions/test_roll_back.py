"""How the rollback reads an alarm; that it acts on one is tested on a deployed app."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import ValidationError

from functions.roll_back.alarm import Alarm

AT = datetime(2026, 3, 1, 12, 0, 30, 490_000, tzinfo=UTC)


def event(**changes: Any) -> dict[str, Any]:
    """Write an alarm as the documentation of CloudWatch does."""
    metric = {"namespace": "Evergreen", "name": "ServerErrors", "dimensions": {"model": "fruit"}}
    data = {
        "alarmName": "FruitServerErrors",
        "state": {
            "value": "ALARM",
            "reason": "Threshold Crossed",
            "timestamp": "2026-03-01T12:00:30.490+0000",
        },
        "previousState": {"value": "OK", "reason": "", "timestamp": "2026-03-01T11:00:30.490+0000"},
        "configuration": {
            "description": "what to do",
            "metrics": [
                {
                    "id": "m1",
                    "metricStat": {"metric": metric | changes, "period": 300, "stat": "Average"},
                    "returnData": True,
                }
            ],
        },
    }
    return {
        "source": "aws.cloudwatch",
        "alarmArn": "arn:aws:cloudwatch:us-east-1:444455556666:alarm:FruitServerErrors",
        "accountId": "444455556666",
        "time": "2026-03-01T12:00:30.490+0000",
        "region": "us-east-1",
        "alarmData": data,
    }


def test_an_alarm_is_read_as_cloudwatch_writes_it() -> None:
    alarm = Alarm.model_validate(event())
    assert (alarm.model, alarm.state, alarm.at) == ("fruit", "ALARM", AT)
    assert (alarm.name, alarm.reason) == ("FruitServerErrors", "Threshold Crossed")
    assert alarm.arn.endswith(":alarm:FruitServerErrors")


def test_dimensions_may_be_a_list_as_localstack_writes_them() -> None:
    listed = [{"Name": "model", "Value": "fruit"}]
    assert Alarm.model_validate(event(dimensions=listed)).model == "fruit"


def test_a_time_without_a_zone_is_in_utc() -> None:
    bare = event()
    bare["alarmData"]["state"]["timestamp"] = "2026-03-01T12:00:30.490"
    assert Alarm.model_validate(bare).at == AT


def test_an_alarm_that_looks_at_nothing_is_refused() -> None:
    bare = event()
    bare["alarmData"]["configuration"]["metrics"] = []
    with pytest.raises(ValidationError, match="metrics"):
        Alarm.model_validate(bare)
