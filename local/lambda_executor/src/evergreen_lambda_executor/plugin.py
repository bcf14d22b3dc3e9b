"""LocalStack plugins, found through entry points: the executor and the lifecycle hooks."""

from __future__ import annotations

from pathlib import Path

from localstack import config
from localstack.runtime import hooks
from localstack.services.lambda_.invocation.plugins import RuntimeExecutorPlugin


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
def skip_runs_of_schedules() -> None:
    """Skip a schedule's run of a function while the one before has not ended."""
    from localstack.services.events.provider import EventsProvider  # noqa: PLC0415
    from localstack.services.events.target import LambdaTargetSender  # noqa: PLC0415

    from evergreen_lambda_executor import schedules  # noqa: PLC0415
    from evergreen_lambda_executor.metrics import WRITER  # noqa: PLC0415

    schedules.patch(EventsProvider, LambdaTargetSender, schedules.RUNS, WRITER.add)


@hooks.on_infra_shutdown()  # type: ignore[untyped-decorator]
def stop_processes() -> None:
    """Kill all processes, even in an invocation, because none may outlive LocalStack."""
    from evergreen_lambda_executor.metrics import WRITER  # noqa: PLC0415
    from evergreen_lambda_executor.process import RUNNING  # noqa: PLC0415

    RUNNING.close()
    WRITER.stop()
