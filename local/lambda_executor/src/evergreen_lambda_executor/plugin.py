"""What LocalStack finds through entry points: the executor and two hooks of its life."""

from __future__ import annotations

from pathlib import Path

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


class EvergreenExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]
    """Chosen with ``LAMBDA_RUNTIME_EXECUTOR=evergreen``."""

    name = "evergreen"

    def load(self, *_args: object, **_kwargs: object) -> type:
        """Return the executor class; imported here so that other hooks do not pay for it."""
        from evergreen_lambda_executor.executor import ProcessExecutor  # noqa: PLC0415

        return ProcessExecutor


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def keep_s3_bodies_in_own_folder() -> None:
    """Give this instance an S3 folder of its own; LocalStack's is one fixed path for all."""
    from localstack.services.s3 import provider  # noqa: PLC0415

    provider.DEFAULT_S3_TMP_DIR = str(Path(config.dirs.tmp) / "s3")


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def keep_first_lines_of_subscribed_log_groups() -> None:
    """Let a log group with a subscription filter take a new stream.

    LocalStack expects a list of dictionaries from its logs backend, which has moved on to a view of
    objects; so the first lines of every function with a subscription would be lost.
    """
    from moto.logs.models import LogGroup, SubscriptionFilter  # noqa: PLC0415

    stock = LogGroup.describe_subscription_filters
    LogGroup.describe_subscription_filters = lambda group: list(stock(group))
    SubscriptionFilter.__getitem__ = lambda one, field: one.to_json()[field]


@hooks.on_infra_shutdown()  # type: ignore[untyped-decorator]
def stop_processes() -> None:
    """Kill what still runs, an invocation under way included: nothing may outlive LocalStack."""
    from evergreen_lambda_executor.process import RUNNING  # noqa: PLC0415

    RUNNING.close()
