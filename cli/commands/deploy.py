"""`evergreen deploy`: deploy the app to the local stack or to AWS."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from cdk.emulator import COOLDOWN, DRIFT_PERIOD, FLUSH_SECONDS
from cli.shared import console
from cli.shared.cdk_deployment import assembly_folder, deploy, emulator_context
from cli.shared.deployed_models import deploy_command
from cli.shared.examples import MODELS
from cli.shared.leftovers import orphaned_stacks, stale_pointers
from cli.shared.options import Json, Stage
from cli.shared.progress import Steps
from cli.shared.target import Target, options_of
from evergreen.clock import parse_period
from evergreen.deployment.connection import NotDeployedError
from evergreen.model_definition import load_definitions
from local.environments import TRAINING, build_environment
from local.model_packages import lock_packages
from local.monitoring import watch
from local.settings import read_settings
from local.stack import running_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from cli.shared.leftovers import Leftover


def command(
    *,
    aws: Annotated[
        bool, typer.Option("--aws", help="Deploy to the AWS account of your credentials.")
    ] = False,
    stage: Stage = None,
    period: Annotated[
        str, typer.Option(help="Local stack only: time between two drift checks of a schedule.")
    ] = DRIFT_PERIOD,
    cooldown: Annotated[
        str, typer.Option(help="Local stack only: shortest time between two retrainings.")
    ] = COOLDOWN,
    flush_seconds: Annotated[
        int,
        typer.Option(
            min=0,
            max=900,
            help="Local stack only: seconds that Firehose collects records for one object.",
        ),
    ] = FLUSH_SECONDS,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what it means for the models that serve.")
    ] = False,
    json: Json = False,
) -> None:
    """Deploy every stack of the app with cdk. Run it again after any change.

    Without --aws the app goes to the local stack that `evergreen up` started. There a drift check
    runs every minute, so that you see results soon.

    With --aws it uses your credentials and the settings of cdk.json, its stage and region too.
    --stage deploys another stage than cdk.json names.
    It needs Docker to build the training and drift images.

    If `model.toml` of a model that serves has changed in features, target or metric, the command
    first says what that means. --plan says it and deploys nothing.

    The command prints the outputs of the stacks, the API's address among them. It also names
    what a destroyed deployment left, and on AWS what is no longer part of the app and still costs,
    each with the command that removes it.

    Next: `evergreen demo` runs the loop once.
    """
    for option in (period, cooldown):
        _check_period(option)
    settings = read_settings()
    target = Target.aws(stage) if aws else Target.local(running_stack(settings), stage)
    # A deployment changes the outputs that a target remembers.
    has_plan = _tell_plan(replace(target), console.err if json else console.out)
    if plan:
        if not has_plan:
            console.out.print("No model that serves has another definition now.")
        return
    context = (
        {"stage": target.stage, "region": target.environment["AWS_REGION"]}
        if aws
        else emulator_context(target, period=period, cooldown=cooldown, flush_seconds=flush_seconds)
    )
    log = settings.paths.logs / "deploy.log"
    with (
        saying_how_to_go_on(target),
        Steps() as steps,
        steps.step("deploy", f"Deploy stage {target.stage}") as say,
    ):
        say("locking the packages that models bring")
        lock_packages(MODELS, settings.paths.requirements)
        if target.is_emulator:
            build_environment(settings.paths, TRAINING, lambda _, what: say(what))
        deployed = deploy(target, context, log, say)
        if target.is_emulator:
            watch(settings.paths, target.api_url, target.api_key, target.stage)
    if not deployed:
        steps.note("nothing has changed since the last deployment")
    stacks = orphaned_stacks(target, assembly_folder(log)) if aws else []
    _show(target, [*stacks, *stale_pointers(target, load_definitions(MODELS))], json=json)


@contextmanager
def saying_how_to_go_on(target: Target) -> Iterator[None]:
    """After Ctrl-C, say what is left to do before the interruption goes on its way."""
    try:
        yield
    except KeyboardInterrupt:
        console.progress(
            "deploy",
            "interrupted, so a part of the stacks may be missing. "
            f"`{deploy_command(target)}` goes on where this ended; `evergreen status"
            f"{options_of(target)}` shows which models are deployed.",
        )
        raise


def _show(target: Target, left: list[Leftover], *, json: bool) -> None:
    """Show the outputs of a deployment, and what is no longer part of it."""
    if json:
        outputs = dict(sorted(target.outputs.items()))
        leftovers = [asdict(each) for each in left]
        console.document({"api": target.api_url, "outputs": outputs, "leftovers": leftovers})
        return
    for name, value in sorted(target.outputs.items()):
        console.out.print(f"  {name:<40} {value}", soft_wrap=True, markup=False)
    console.out.print(f"\nThe API answers at {target.api_url}", soft_wrap=True)
    for leftover in left:
        console.out.print(
            f"\n{leftover.what}:\n\n  {leftover.command}", soft_wrap=True, markup=False
        )


def _tell_plan(target: Target, out: Console) -> bool:
    """Say what changed definitions mean for models that serve; return whether there are any."""
    from cli.shared.deployment_plan import find_plan

    definitions = load_definitions(MODELS)
    try:
        # A first deployment has no bucket yet, and nothing serves.
        plans = find_plan(target, definitions) if target.outputs.get("BucketName") else {}
    except NotDeployedError:
        return False
    for model, sentences in plans.items():
        out.print(f"models/{model}/model.toml has changed:", markup=False)
        for sentence in sentences:
            out.print(f"  {sentence}", soft_wrap=True, markup=False)
        out.print()
    return bool(plans)


def _check_period(text: str) -> None:
    try:
        parse_period(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
