"""`evergreen retrain`: start a retraining and follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.shared import console, executions
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.errors import EvergreenError
from evergreen.model_definition import find_definition
from evergreen.release.executions import message_of

if TYPE_CHECKING:
    from cli.shared.target import Target
    from evergreen.model_definition import ModelDefinition


SKIPPED = 3
"""The exit status of a command that trained nothing; 2 is that of a wrong option."""


class RetrainingFailedError(EvergreenError):
    """An execution of the state machine ended with an error."""


def command(
    model: ModelArgument,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show each state until the retraining has ended.")
    ] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="End the retraining of this model that runs now.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Retrain a model now, whether or not drift was found.

    The command starts the state machine. It builds a data set from the newest labelled rows, trains
    a challenger, and compares it with the champion on the same holdout. Then it promotes the
    challenger or cleans up. The rule for a promotion is the same as after drift.

    With --wait the command shows each state and the decision. Ctrl-C ends the command; the
    retraining goes on. The exit status is then 0 after a decision, whether the challenger was
    promoted or rejected; 1 if the retraining failed; and 3 if it was skipped, because too few rows
    have labels or another retraining runs.

    With --stop it ends the retraining, or the training, that runs, and releases its lock. What is
    in production stays there.

    Next: `evergreen history MODEL`.
    """
    if stop and wait:
        raise typer.BadParameter("--stop is without --wait", param_hint="--stop")
    definition = find_definition(MODELS, model)
    if not stop:
        require_retrained(definition)
    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    if stop:
        _stop(target, model, json=json)
        return
    execution = executions.start_execution(target, model)
    if wait:
        finish(target, model, execution, "retrain", json=json)
    elif json:
        console.document({"execution": execution})
    else:
        console.out.print(
            f"Started {execution}\n`evergreen history {model}` will show its decision. Stop it "
            f"with:\n\n  {executions.stop_command(target, model)}",
            soft_wrap=True,
            markup=False,
        )


def require_retrained(definition: ModelDefinition) -> None:
    """Refuse to start a training that can only fail: of a model whose versions are imported.

    Raises
    ------
    ModelDefinitionError
        If they are.
    """
    if definition.retraining.by == "import":
        from evergreen.training.trainer import require_recipe  # imports pandas

        require_recipe(definition, MODELS / definition.name)


def finish(target: Target, model: str, execution: str, command: str, *, json: bool) -> None:
    """Follow an execution to its end, show what became of it, and exit as it ended.

    Parameters
    ----------
    command
        The command that started it, as the user typed it.

    Raises
    ------
    RetrainingFailedError
        If it failed.
    typer.Exit
        With :data:`SKIPPED` if nothing was trained.
    """
    result = follow(target, model, execution, command)
    if json:
        console.document(result)
    else:
        console.out.print(f"\n{describe_result(model, result)}", soft_wrap=True, markup=False)
    if result["status"] != "SUCCEEDED":
        raise RetrainingFailedError(
            f"{result['status'].lower()}: {result['error']}: {result['cause']}", where=execution
        )
    if "decision" not in (result["output"] or {}):
        raise typer.Exit(SKIPPED)


def follow(target: Target, model: str, execution: str, command: str) -> dict[str, Any]:
    """Show each state of an execution while it runs, and return the execution's result."""
    try:
        with Steps() as steps:
            entered = executions.states(target, execution, steps.note)
            state = next(entered, None)
            while state:
                with steps.step(state, state):
                    state = next(entered, None)  # returns when the next state begins
    except KeyboardInterrupt:
        console.progress(command, "interrupted; the execution goes on. Stop it with:")
        console.err.print(
            f"\n  {executions.stop_command(target, model)}", soft_wrap=True, markup=False
        )
        raise
    return executions.execution_result(target, execution)


def _stop(target: Target, model: str, *, json: bool) -> None:
    with Steps() as steps, steps.step("stop", f"Stop what retrains {model}"):
        stopped = executions.stop_executions(target, model)
    if json:
        console.document({"stopped": stopped})
    elif stopped:
        console.out.print(
            f"\nStopped {', '.join(stopped)}.\n`evergreen doctor --fix` removes what it has made.",
            soft_wrap=True,
            markup=False,
        )
    else:
        console.out.print(f"\nNo retraining of {model} runs.", soft_wrap=True, markup=False)


def describe_result(model: str, result: dict[str, Any]) -> str:
    """Return the result of a retraining as a sentence."""
    output = result["output"] or {}
    if "decision" in output:
        done = "was promoted" if output["decision"] == "promote" else "was rejected"
        return (
            f"Version {output.get('challenger')} of {model} {done}: {output.get('reason')}.\n"
            f"See `evergreen history {model}`."
        )
    if error := output.get("error"):
        why = message_of(error.get("Cause")) or error.get("Error")
        if error.get("Error") == "RetrainingInProgressError":
            # Its words begin with the lock's address, which nobody has to touch.
            why = (
                f"{why.partition('.json: ')[2] or why}. `evergreen retrain {model} --stop` ends it"
            )
        return f"Skipped, nothing was trained: {why}"
    return f"{result['status'].lower()} without a decision: {result['execution']}"
