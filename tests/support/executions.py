"""What became of the executions of a deployment's state machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from cli.shared.target import Target


def statuses_since(deployed: Target, began: datetime) -> set[str]:
    """Return how those ended that began then or later; other tests of the session have theirs."""
    pages = (
        deployed.client("stepfunctions")
        .get_paginator("list_executions")
        .paginate(stateMachineArn=deployed.output("StateMachineArn"))
    )
    executions = [item for page in pages for item in page["executions"]]
    return {item["status"] for item in executions if item["startDate"] >= began}
