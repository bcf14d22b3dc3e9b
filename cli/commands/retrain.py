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


class RetrainingFailedError(EvergreenError):
    """An execution of the state machine ended with an error."""


def command(
    model: ModelArgument,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Show each state until the retraining has ended.")
    ] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Retrain a model now, whether or not drift was found.

    The command starts the state machine. It builds a data set from the newest labelled rows, trains
    a challenger, and compares it with the champion on the same holdout. Then it promotes the
    challenger or cleans up. The rule for a promotion is the same as after drift.

    With --wait the command shows each state and the decision, and exits with 1 if the execution
    failed. Ctrl-C ends the command; the retraining goes on.

    Next: `evergreen history MODEL`.
    """
    require_retrained(find_definition(MODELS, model))
    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    execution = executions.start_execution(target, model)
    if wait:
        result = follow(target, execution)
        if json:
            console.document(result)
        else:
            console.out.print(f"\n{describe_result(model, result)}", soft_wrap=True, markup=False)
        if result["status"] != "SUCCEEDED":
            raise RetrainingFailedError(
                f"{result['status'].lower()}: {result['error']}: {result['cause']}", where=execution
            )
    elif json:
        console.document({"execution": execution})
    else:
        console.out.print(
            f"Started {execution}\n`evergreen history {model}` will show its decision. Stop it "
            f"with:\n\n  {executions.stop_command(target, execution)}",
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


def follow(target: Target, execution: str) -> dict[str, Any]:
    """Show each state of an execution while it runs, and return the execution's result."""
    try:
        with Steps() as steps:
            entered = executions.states(target, execution, steps.note)
            state = next(entered, None)
            while state:
                with steps.step(state, state):
                    state = next(entered, None)  # returns when the next state begins
    except KeyboardInterrupt:
        console.progress("retrain", "interrupted; the execution goes on. Stop it with:")
        console.err.print(
            f"\n  {executions.stop_command(target, execution)}", soft_wrap=True, markup=False
        )
        raise
    return executions.execution_result(target, execution)


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
        return f"Skipped: {error.get('Error')}: {message_of(error.get('Cause'))}"
    return f"{result['status'].lower()} without a decision: {result['execution']}"
