"""LocalStack plugin, found through an entry point: gives its Step Functions tasks of Athena."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from localstack.runtime import hooks

if TYPE_CHECKING:
    from localstack.services.stepfunctions.asl.component.state.state_execution.state_task.service.state_task_service import (  # noqa: E501
        StateTaskService,
    )

SETTING = "EVERGREEN_ATHENA"
"""The address of a server that speaks Athena's API. Without it LocalStack's behaviour stays."""


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def ask_athena() -> None:
    """Let tasks of Athena ask the server at the address."""
    address = os.environ.get(SETTING)
    if not address:
        return
    # Imported here, because without the setting LocalStack need not load Step Functions.
    from localstack.services.stepfunctions.asl.component.state.state_execution.state_task import (  # noqa: PLC0415
        state_task_factory,
    )

    from evergreen_athena_states.task import AthenaTask  # noqa: PLC0415 - it needs the same

    usual = state_task_factory.state_task_service_for

    def choose(service_name: str) -> StateTaskService:
        return AthenaTask(address) if service_name == "athena" else usual(service_name)

    state_task_factory.state_task_service_for = choose
