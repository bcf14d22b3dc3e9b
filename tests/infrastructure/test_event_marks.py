from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dashboards.building.build import PROVISIONING
from tests.support.templates import resources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates


def test_what_grafana_asks_to_mark_events_finds_an_alarm_for_each_model(
    aws: Templates, models: Path
) -> None:
    alarms = resources(aws["Retraining"], "AWS::CloudWatch::Alarm").values()
    there = {
        (
            each["Namespace"],
            each["MetricName"],
            each["Statistic"],
            each["Period"],
            each["Dimensions"][0]["Value"],
        )
        for each in alarms
    }
    board = json.loads((PROVISIONING / "dashboards/cloudwatch/model.json").read_text())
    targets = [annotation["target"] for annotation in board["annotations"]["list"]]
    assert len(targets) == 4
    asked = {
        (
            target["namespace"],
            target["metricName"],
            target["statistic"],
            int(target["period"]),
            path.parent.name,
        )
        for target in targets
        for path in models.glob("*/model.toml")
    }
    assert there == asked
    assert not any(each.get("AlarmActions") for each in alarms)
