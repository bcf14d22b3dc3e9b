"""Deployment of the app: runs cdk, writes its output to a log file, reports progress."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from cdk.emulator import COOLDOWN, DRIFT_PERIOD, FLUSH_SECONDS, emulator_settings
from cli.shared.cdk_context import read_place
from cli.shared.cdk_program import context_options, run_cdk
from cli.shared.deployment_plan import models_of_sklearn
from cli.shared.examples import MODELS
from cli.shared.last_deployment import is_deployed, record_deployment
from evergreen.deployment.connection import NotDeployedError
from evergreen.model_definition import load_definitions
from local.files import exclusive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cli.shared.cdk_program import EarlySynthesis
    from cli.shared.target import Target

_PROGRESS = re.compile(r"^(?P<stack>\S+) \| +(?P<done>\d+)/(?P<all>\d+) \|")


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
    target: Target,
    context: Mapping[str, str],
    log: Path,
    progress: Callable[[str], None],
    early: EarlySynthesis | None = None,
) -> bool:
    """Deploy every stack, and bootstrap the account first if that was not done before.

    A deployment with the same log waits until this one has ended. On an emulator nothing is
    deployed if neither the stacks nor what they are made from changed since the last deployment.

    Parameters
    ----------
    context
        Settings that override ``cdk.json``.
    log
        File for cdk's output.
    progress
        Called with a short text about the current work.
    early
        Templates that were begun before.

    Returns
    -------
    bool
        Whether something was deployed.

    Raises
    ------
    DeploymentError
        If cdk fails; with the end of its output and the path of the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    context = {**context, **_kept_servings(target, context)}
    record = log.parent / "deployed.json"

    def say_waiting() -> None:
        progress("waiting for another deployment to end")

    def say_resources(line: str) -> None:
        if found := _PROGRESS.match(line):
            stack = found["stack"].rsplit("-", 1)[-1]
            progress(f"{stack}: {found['done']} of {found['all']} resources")

    with exclusive(log.parent / ".deployment.lock", say_waiting):
        if target.is_emulator and is_deployed(target, context, record):
            return False
        record.unlink(missing_ok=True)
        log.write_bytes(b"")  # a new log for each deployment
        if not _is_bootstrapped(target):
            progress("bootstrapping the account for CDK")
            # Runs outside the repository: inside it, cdk would synthesise the app first.
            bootstrap = ["bootstrap", *_account(target)]
            run_cdk(target.environment, bootstrap, log, say_resources, folder=log.parent)
        progress("synthesising")
        written = early.templates_for(context) if early else None
        # Its own folder: cdk refuses a folder that another deployment reads.
        synthesis = ("--output", str(assembly_folder(log)), *context_options(context))
        run_cdk(
            target.environment,
            [
                *("deploy", "--all", "--require-approval", "never", "--progress", "events"),
                *(("--app", str(written)) if written else synthesis),
                *("--concurrency", "4", "--asset-parallelism", *_method(target)),
            ],
            log,
            say_resources,
        )
        if target.is_emulator:
            publish_routes(target)
            record_deployment(target, context, record)
    return True


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
