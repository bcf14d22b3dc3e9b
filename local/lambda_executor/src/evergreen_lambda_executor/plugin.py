"""LocalStack plugins, found through entry points: the executor and the lifecycle hooks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin

_LONGEST_CALL = 1800
"""Seconds; a function runs at most 900, after its environment has started."""


class EvergreenExecutorPlugin(RuntimeExecutorPlugin):  # type: ignore[misc]
    """Chosen with ``LAMBDA_RUNTIME_EXECUTOR=evergreen``."""

    name = "evergreen"

    def load(self, *_args: object, **_kwargs: object) -> type:
        """Return the executor class; imported here, so that the other hooks load faster."""
        from evergreen_lambda_executor.executor import ProcessExecutor  # noqa: PLC0415

        return ProcessExecutor


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def keep_s3_bodies_in_own_folder() -> None:
    """Give this instance its own S3 folder; LocalStack's default is one fixed path for all."""
    from localstack.services.s3 import provider  # noqa: PLC0415

    provider.DEFAULT_S3_TMP_DIR = str(Path(config.dirs.tmp) / "s3")


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def call_once() -> None:
    """Let an asynchronous call that takes longer than a minute run once.

    LocalStack makes it through a client that gives up after 60 seconds and tries again, four times,
    while the function still runs.
    """
    from botocore.config import Config  # noqa: PLC0415
    from localstack.aws.connect import connect_to  # noqa: PLC0415
    from localstack.services.lambda_.invocation.event_manager import Poller  # noqa: PLC0415

    stock = Poller.__init__
    patient = Config(read_timeout=_LONGEST_CALL, retries={"max_attempts": 0})

    def create(poller: Poller, *arguments: object, **named: object) -> None:
        stock(poller, *arguments, **named)
        function = poller.version_manager.function_version.id
        poller.lambda_client = connect_to(
            aws_access_key_id=function.account, region_name=function.region, config=patient
        ).lambda_

    Poller.__init__ = create


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def skip_runs_of_schedules() -> None:
    """Skip a schedule's run of a function while the one before has not ended."""
    from localstack.services.events.provider import EventsProvider  # noqa: PLC0415
    from localstack.services.events.target import LambdaTargetSender  # noqa: PLC0415

    from evergreen_lambda_executor import schedules  # noqa: PLC0415
    from evergreen_lambda_executor.metrics import WRITER  # noqa: PLC0415

    schedules.patch(EventsProvider, LambdaTargetSender, schedules.RUNS, WRITER.add)


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def build_once() -> None:
    """Keep what LocalStack builds anew each time: of its CPU time, parsers alone take a tenth.

    jsonpath-ng builds its parser for each path of each state that runs, 35 ms. ``GetFunction``
    makes a client for the address of the code, 100 ms.
    """
    import boto3  # noqa: PLC0415
    from localstack.services.lambda_.invocation import lambda_models  # noqa: PLC0415
    from localstack.services.stepfunctions.asl.component.common.path import (  # noqa: PLC0415
        result_path,
    )
    from localstack.services.stepfunctions.asl.utils import json_path  # noqa: PLC0415

    kept = lru_cache(maxsize=1000)
    json_path.parse = kept(json_path.parse)
    result_path.parse = kept(result_path.parse)
    lambda_models.boto3 = SimpleNamespace(client=kept(boto3.client))


@hooks.on_infra_shutdown()  # type: ignore[untyped-decorator]
def stop_processes() -> None:
    """Kill all processes, even in an invocation, because none may outlive LocalStack."""
    from evergreen_lambda_executor.metrics import WRITER  # noqa: PLC0415
    from evergreen_lambda_executor.process import RUNNING  # noqa: PLC0415

    RUNNING.close()
    WRITER.stop()
