"""`evergreen demo`: run the whole loop once on recorded data."""

from __future__ import annotations

import json as json_
import threading
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from cli.shared import console
from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.cdk_program import EarlySynthesis
from cli.shared.demo_story import Story
from cli.shared.options import Json
from cli.shared.progress import Steps
from cli.shared.target import Target
from local.files import write_whole
from local.monitoring import watch
from local.settings import read_settings
from local.stack import StackNotRunningError, down, running_stack, up

if TYPE_CHECKING:
    from pathlib import Path

    from cli.shared.demo_story import Summary
    from local.settings import Settings
    from local.stack import Stack


_STEPS_MODULE = "cli.shared.demo_steps"
_STEPS = {
    "services": "start the services",
    "deploy": "deploy",
    "train": "train and promote by hand",
    "serving": "wait until the API serves it",
    "replay": "replay",
    "drift": "wait for drift checks",
    "retraining": "retrain and compare",
    "log": "compact and count the log",
}
"""What the time was spent on, by step."""


def command(
    *,
    model: Annotated[
        str, typer.Option(help="The model: flight_delay, flight_duration or daily_ridership.")
    ] = "flight_delay",
    fraction: Annotated[
        float | None,
        typer.Option(
            min=0.05, max=1.0, help="Share of all rows to use. Default: the example's own."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Run the whole loop once, by default on flights that left New York in 2013.

    The demo starts the local stack, deploys the app, and trains a champion on the first months (or
    years) of the recorded data. Then it replays later periods through the API and sends the ground
    truth a little later. The scheduled drift check finds drift, and the state machine trains a
    challenger and compares it with the champion. The demo ends when a challenger is promoted, or
    after the last period.

    The first run takes about ten minutes. Everything keeps running afterwards, so that you can look
    at it. Stop it with `evergreen down`.

    The summary is also written to .evergreen/demo.json. --json prints it with the addresses.
    """
    story = Story(model=model, fraction=fraction)
    story.example()  # raises for a wrong model or fraction before anything starts
    # pandas, scikit-learn and MLflow take seconds to import: meanwhile the services start.
    threading.Thread(target=import_module, args=(_STEPS_MODULE,), daemon=True).start()
    settings = read_settings()
    was_running = _is_running(settings)
    log = settings.paths.logs / "deploy.log"
    try:
        with Steps() as steps, EarlySynthesis(settings.paths.logs / "cdk.early") as early:

            def synthesise(stack: Stack) -> None:
                if not was_running:
                    early.begin(stack.client_environment(), emulator_context(Target.local(stack)))

            with steps.step("services", "Start LocalStack, PostgreSQL and MLflow") as say:
                stack = up(settings, lambda subject, what: say(f"{subject}: {what}"), synthesise)
            target = Target.local(stack)
            with steps.step("deploy", "Deploy the app with CDK") as say:
                deployed = deploy(target, emulator_context(target), log, say, early)
                watch(settings.paths, target.api_url, target.api_key, target.stage)
            if not deployed:
                steps.note("nothing has changed since the last deployment")
            from cli.shared.demo_steps import OnceAround

            summary = OnceAround(target, story, steps).run()
    except KeyboardInterrupt:  # after an error the stack keeps running, so that it can be examined
        if not was_running:
            console.progress("demo", "interrupted; stopping the local stack")
            down(settings, console.progress)
        raise
    result = settings.paths.state / "demo.json"
    write_whole(result, json_.dumps(asdict(summary), indent=2) + "\n")
    if json:
        console.document(_document(summary, target, stack))
    else:
        _show(summary, target, stack, result)


def _is_running(settings: Settings) -> bool:
    try:
        running_stack(settings)
    except StackNotRunningError:
        return False
    return True


def _document(summary: Summary, target: Target, stack: Stack) -> dict[str, Any]:
    return {
        **asdict(summary),
        "api_url": target.api_url,
        "mlflow_url": f"{stack.mlflow_uri}/#/models/{summary.model}",
        "state_machine": target.output("StateMachineArn"),
        "bucket": target.output("BucketName"),
    }


def _show(summary: Summary, target: Target, stack: Stack, result: Path) -> None:
    from cli.shared.demo_steps import example_row

    table = Table(title="The loop, once around", title_justify="left", show_header=False)
    for name, value in _rows(summary):
        table.add_row(name, value)
    console.out.print()
    console.out.print(table)
    print_ = console.out.print
    print_("\nWhere to look:")
    print_(f"  MLflow      {stack.mlflow_uri}/#/models/{summary.model}", soft_wrap=True)
    print_("  Status page evergreen open status")
    print_(
        f"  Retraining  evergreen history {summary.model} --version {summary.champion_after}",
        soft_wrap=True,
    )
    print_(f"  Files       s3://{target.output('BucketName')} and {result}", soft_wrap=True)
    print_("\nAsk for a prediction yourself:\n")
    print_(
        f"  curl -H 'x-api-key: {target.api_key}' -H 'content-type: application/json' \\\n"
        f"    -d '{json_.dumps({'instances': [example_row(summary.model)]})}' \\\n"
        f"    {target.api_url}/models/{summary.model}/predict",
        soft_wrap=True,
        markup=False,
    )
    print_("\nEverything keeps running. Stop it with `evergreen down`.")


def _rows(summary: Summary) -> list[tuple[str, str]]:
    def shown(value: float | None) -> str:
        return "–" if value is None else f"{value:.3f}"

    if summary.champion_after != summary.champion_before:
        outcome = f"version {summary.champion_before} → {summary.champion_after}"
    else:
        outcome = f"version {summary.champion_before} stays: no challenger was better"
    return [
        ("Rows served", f"{summary.rows_served:,}"),
        ("Rows in the log", f"{summary.rows_logged:,}"),
        ("Replayed", ", ".join(summary.periods_replayed)),
        ("Drift checks", _checks(summary)),
        ("Retrainings", f"{summary.retrainings}, {summary.promoted} promoted"),
        ("In production", outcome),
        (
            f"{summary.metric.upper()} on the same holdout",
            (
                f"champion {shown(summary.metric_champion)}, "
                f"challenger {shown(summary.metric_challenger)}"
            ),
        ),
        ("Time taken", f"{sum(summary.seconds.values()):.0f} s"),
        *[
            (f"  {_STEPS.get(name, name)}", f"{seconds:.0f} s")
            for name, seconds in summary.seconds.items()
            if round(seconds)
        ],
    ]


def _checks(summary: Summary) -> str:
    started = summary.drift_checks_started_by_demo
    by_demo = f", {started} started by the demo" if started else ""
    return f"{summary.drift_checks}{by_demo}, {summary.drift_detected} found drift"
