"""LocalStack plugins, found through entry points: each makes one thing strict."""

from __future__ import annotations

import os
from pathlib import Path

from localstack.runtime import hooks

from evergreen_strict_localstack import concurrency, gateway, metrics
from evergreen_strict_localstack.stock import apply, is_on

IAM = "EVERGREEN_STRICT_IAM"
IAM_RECORD = "EVERGREEN_STRICT_IAM_RECORD"
"""A file for each distinct access of a role, one JSON object a line."""


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def match_dimensions_exactly() -> None:
    """Let CloudWatch tell apart what AWS tells apart."""
    if not is_on(metrics.SETTING):
        return

    def change() -> None:
        from localstack.services.cloudwatch import (  # noqa: PLC0415 - only if it is on
            cloudwatch_database_helper as helper,
        )

        metrics.patch(helper.CloudwatchDatabase)

    apply(change, metrics.SETTING)


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def reserve_concurrency() -> None:
    """Let CloudFormation set a function's reserved concurrency."""
    if not is_on(concurrency.SETTING):
        return

    def change() -> None:
        from localstack.services.cloudformation.resource_provider import (  # noqa: PLC0415
            OperationStatus,
        )
        from localstack.services.lambda_.resource_providers import (  # noqa: PLC0415
            aws_lambda_function as functions,
        )

        concurrency.patch(functions.LambdaFunctionProvider, OperationStatus.SUCCESS)

    apply(change, concurrency.SETTING)


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def count_refusals() -> None:
    """Let API Gateway count what it refuses, as its access log does on AWS."""
    if not is_on(gateway.SETTING):
        return

    def change() -> None:
        from localstack.aws.connect import connect_to  # noqa: PLC0415 - only if it is on
        from localstack.services.apigateway.next_gen.execute_api.handlers import (  # noqa: PLC0415
            gateway_exception as handlers,
        )

        gateway.patch(
            handlers.GatewayExceptionHandler,
            lambda account, region: (
                connect_to(aws_access_key_id=account, region_name=region).cloudwatch
            ),
        )

    apply(change, gateway.SETTING)


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def ask_roles() -> None:
    """Refuse the calls that their role does not allow."""
    if not is_on(IAM):
        return

    def change() -> None:
        from localstack.aws import handlers  # noqa: PLC0415 - it loads every handler
        from localstack.services.lambda_.invocation.logs import LogHandler  # noqa: PLC0415

        from evergreen_strict_localstack.iam import logs  # noqa: PLC0415 - only if it is on
        from evergreen_strict_localstack.iam.gate import Gate  # noqa: PLC0415 - only if it is on

        logs.patch(LogHandler)
        record = os.environ.get(IAM_RECORD)
        only_log = os.environ.get(IAM) == "log"
        gate = Gate(Path(record) if record else None, only_log=only_log)
        handlers.serve_custom_service_request_handlers.append(gate)
        handlers.run_custom_response_handlers.append(gate.hide_absence)

    apply(change, IAM)
