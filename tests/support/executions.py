"""Results of the executions of a deployment's state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from cli.shared.target import Target


def statuses_since(deployed: Target, began: datetime) -> set[str]:
    """Return the results of the executions that began at a time or later."""
    pages = (
        deployed.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=deployed.output("StateMachineArn"))
    )
    executions = [item for page in pages for item in page["executions"]]
    return {item["status"] for item in executions if item["startDate"] >= began}


def states_entered(deployed: Target, execution: str) -> list[str]:
    """Return the names of the states that an execution entered, in order."""
    client = deployed.client("stepfunctions")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [
        event["stateEnteredEventDetails"]["name"]
        for page in pages
        for event in page["events"]
        if "stateEnteredEventDetails" in event
    ]
