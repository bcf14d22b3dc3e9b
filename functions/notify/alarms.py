"""Alerts of CloudWatch alarms, from events of SNS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evergreen.alerting.messages import Alert, Fact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def alarms_of(event: Mapping[str, Any]) -> Iterator[Alert]:
    """Yield the alerts for the alarms in an event of SNS.

    ``OK`` makes an alert only if the alarm was on before, because a new alarm starts with ``OK``.
    """
    for record in event["Records"]:
        alarm = json.loads(record["Sns"]["Message"])
        began = alarm["NewStateValue"] == "ALARM"
        over = alarm["NewStateValue"] == "OK" and alarm["OldStateValue"] == "ALARM"
        if began or over:
            yield _alert(alarm, began=began)


def _alert(alarm: Mapping[str, Any], *, began: bool) -> Alert:
    name, at = alarm["AlarmName"], str(alarm["StateChangeTime"])
    return Alert(
        id=f"{name}.{at}",
        severity="critical" if began else "info",
        title=f"{name}: {'alarm' if began else 'alarm is over'}",
        says=str(alarm.get("NewStateReason") or "CloudWatch gives no reason."),
        facts=(Fact("Since" if began else "At", at),),
        todo=str(alarm.get("AlarmDescription") or "") if began else "You need to do nothing.",
    )
