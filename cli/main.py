"""The `evergreen` command: registers the commands and turns errors into messages."""

from __future__ import annotations

import os
import signal
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError

from cli.commands import (
    alerts,
    backup,
    check_drift,
    check_model,
    compact,
    cost,
    demo,
    deploy,
    destroy,
    doctor,
    down,
    history,
    import_model,
    labels,
    log,
    logs,
    metrics,
    new_model,
    open_address,
    predict,
    promote,
    remove,
    replay,
    restore,
    retrain,
    rollback,
    serve,
    status,
    train,
    up,
)
from cli.shared import console
from cli.shared.examples import MODELS
from cli.shared.own_code import explain_own_error
from evergreen.errors import EvergreenError

_UNDEPLOYED = (
    "If a part of the app was deleted, `evergreen deploy` brings it back; `evergreen doctor` says "
    "what else is missing."
)

app = typer.Typer(
    name="evergreen",
    help="Keep the model in production green: train, serve, watch, retrain, promote.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
app.command("up")(up.command)
app.command("down")(down.command)
app.command("status")(status.command)
app.command("deploy")(deploy.command)
app.command("destroy")(destroy.command)
app.command("backup")(backup.command)
app.command("remove")(remove.command)
app.command("restore")(restore.command)
app.command("demo")(demo.command)
app.command("predict")(predict.command)
app.command("replay")(replay.command)
app.command("serve")(serve.command)
app.command("open")(open_address.command)
app.command("check-drift")(check_drift.command)
app.command("compact")(compact.command)
app.command("new-model")(new_model.command)
app.command("check-model")(check_model.command)
app.command("cost")(cost.command)
app.command("train")(train.command)
app.command("import")(import_model.command)
app.command("promote")(promote.command)
app.command("retrain")(retrain.command)
app.command("history")(history.command)
app.command("log")(log.command)
app.command("logs")(logs.command)
app.command("metrics")(metrics.command)
app.add_typer(labels.app, name="labels")
app.command("rollback")(rollback.command)
app.command("doctor")(doctor.command)
app.command("alerts")(alerts.command)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(version("evergreen-mlops"))
        raise typer.Exit


@app.callback()
def _evergreen(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Keep the model in production green: train, serve, watch, retrain, promote.

    On a laptop: `evergreen up` starts everything, `evergreen status` shows it, `evergreen down`
    stops it. `make demo` shows the whole loop once.
    """


def main() -> None:
    """Run the command line; exit with 1 after an error and 130 after Ctrl-C."""
    # OpenMP's threads must not spin while they wait. MLflow must not print into our display, nor
    # send to its makers what is trained.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    # After `kill` or when the terminal is closed, a command cleans up as it does after Ctrl-C.
    # SIGINT is set too, because a background job of a shell ignores it otherwise.
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, _interrupt)
    try:
        app()  # exits with 130 after Ctrl-C
    except EvergreenError as error:
        console.failure(explain_own_error(error, MODELS) or str(error))
        sys.exit(1)
    except (ClientError, BotoCoreError) as error:
        console.failure(f"AWS: {error}. {_UNDEPLOYED}")
        sys.exit(1)
    except Exception as error:
        # An error of the user's own training.py or data.py is one of theirs. Any other is ours.
        said = explain_own_error(error, MODELS)
        if said is None:
            raise
        console.failure(said)
        sys.exit(1)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
