"""LocalStack plugins, found through entry points: each makes one thing strict."""

from __future__ import annotations

from localstack.runtime import hooks

from evergreen_strict_localstack import concurrency, metrics
from evergreen_strict_localstack.stock import apply, is_on


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
