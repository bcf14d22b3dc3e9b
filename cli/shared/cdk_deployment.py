"""Deployment of the app: runs cdk, writes its output to a log file, reports progress."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cdk.emulator import COOLDOWN, DRIFT_PERIOD, FLUSH_SECONDS, emulator_settings
from cli.shared.cdk_context import read_place
from cli.shared.deployment_plan import models_of_sklearn
from cli.shared.examples import MODELS
from evergreen.deployment.connection import NotDeployedError
from evergreen.errors import EvergreenError
from evergreen.model_definition import load_definitions
from local.files import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cli.shared.target import Target

APP_FOLDER = Path(__file__).resolve().parents[2]
_PROGRESS = re.compile(r"^(?P<stack>\S+) \| +(?P<done>\d+)/(?P<all>\d+) \|")
_TAIL_LINES = 25
_SECONDS_TO_END = 5


class DeploymentError(EvergreenError):
    """cdk ended with an error."""


def emulator_context(
    target: Target,
    *,
    period: str = DRIFT_PERIOD,
    cooldown: str = COOLDOWN,
    flush_seconds: int = FLUSH_SECONDS,
) -> dict[str, str]:
    """Return the CDK context of a deployment to an emulator.

    Parameters
    ----------
    period
        The time between two checks of each drift schedule; replaces the models' values.
    cooldown
        The shortest time between two retrainings; replaces the models' values.
    flush_seconds
        How long Firehose collects records before it writes them; replaces the models' values. With
        0 they are in S3 before the prediction is answered.
    """
    return {"stage": target.stage} | emulator_settings(
        tracking=target.mlflow_uri,
        lake_catalog=target.lake_catalog,
        drift_period=period,
        cooldown=cooldown,
        flush_seconds=flush_seconds,
    )


def deploy(
    target: Target, context: Mapping[str, str], log: Path, progress: Callable[[str], None]
) -> None:
    """Deploy every stack, and bootstrap the account first if that was not done before.

    A deployment with the same log waits until this one has ended.

    Parameters
    ----------
    context
        Settings that override ``cdk.json``.
    log
        File for cdk's output.
    progress
        Called with a short text about the current work.

    Raises
    ------
    DeploymentError
        If cdk fails; with the end of its output and the path of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    context = {**context, **_kept_servings(target, context)}
    settings = [part for key, value in context.items() for part in ("--context", f"{key}={value}")]

    def say_waiting() -> None:
        progress("waiting for another deployment to end")

    with exclusive(log.parent / ".deployment.lock", say_waiting):
        log.write_bytes(b"")  # a new log for each deployment
        if not _is_bootstrapped(target):
            progress("bootstrapping the account for CDK")
            # Runs outside the repository: inside it, cdk would synthesise the app first.
            _cdk(target, ["bootstrap", *_account(target)], log, progress, folder=log.parent)
        progress("synthesising")
        _cdk(
            target,
            [
                *("deploy", "--all", "--require-approval", "never", "--progress", "events"),
                # Its own folder: cdk refuses a folder that another deployment reads.
                *("--output", str(assembly_folder(log))),
                *("--concurrency", "4", "--asset-parallelism", *_method(target), *settings),
            ],
            log,
            progress,
        )
    if target.is_emulator:
        publish_routes(target)


def _kept_servings(target: Target, context: Mapping[str, str]) -> dict[str, str]:
    """Return the setting that lets versions of scikit-learn go on, whatever model.toml says now."""
    try:
        # A target remembers its outputs, and the deployment changes them.
        kept = models_of_sklearn(replace(target), load_definitions(MODELS))
    except NotDeployedError:
        return {}
    named = context.get("sklearn_models", read_place().sklearn_models).replace(",", " ").split()
    return {"sklearn_models": ",".join(sorted({*kept, *named}))} if kept else {}


def assembly_folder(log: Path) -> Path:
    """Return the folder of the templates of a deployment with this log."""
    return log.parent / "cdk.out"


def publish_routes(target: Target) -> None:
    """Publish the current routes of an emulator's API.

    LocalStack's CloudFormation cannot update a stage. After a deployment that changed a route, the
    API still serves the old routes or has no stage any more.
    """
    target.client("apigateway").create_deployment(
        restApiId=target.output("RestApiId"), stageName=target.output("ApiStage")
    )


def _method(target: Target) -> list[str]:
    # Change sets are for review. Nobody reviews one on an emulator, so it deploys directly.
    return ["--method", "direct"] if target.is_emulator else []


def _account(target: Target) -> list[str]:
    account = target.client("sts").get_caller_identity()["Account"]
    region = target.client("s3").meta.region_name
    return [f"aws://{account}/{region}"]


def _is_bootstrapped(target: Target) -> bool:
    try:
        target.client("cloudformation").describe_stacks(StackName="CDKToolkit")
    except ClientError:
        return False
    return True


def _cdk(
    target: Target,
    arguments: list[str],
    log: Path,
    progress: Callable[[str], None],
    *,
    folder: Path = APP_FOLDER,
) -> None:
    program = APP_FOLDER / "node_modules" / ".bin" / "cdk"
    if not program.exists():
        raise DeploymentError("cdk is not installed", where=str(program), fix="Run `make setup`")
    environment = {
        **os.environ,
        **target.environment,
        "PATH": f"{APP_FOLDER / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "CDK_DISABLE_CLI_TELEMETRY": "1",
    }
    with subprocess.Popen(
        [program, *arguments, "--no-notices", "--no-color", "--ci"],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        try:
            with log.open("ab") as file:
                for line in process.stdout:
                    file.write(line)
                    file.flush()
                    found = _PROGRESS.match(line.decode(errors="replace"))
                    if found:
                        stack = found["stack"].rsplit("-", 1)[-1]
                        progress(f"{stack}: {found['done']} of {found['all']} resources")
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        raise DeploymentError(
            f"cdk {arguments[0]} failed:\n{tail}\n", where="deploy", fix=f"Read the log: {log}"
        )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End cdk with every process it started: it runs in a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        pass  # it gets SIGKILL like those of its processes that are left
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
