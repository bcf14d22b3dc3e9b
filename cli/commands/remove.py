"""`evergreen remove`: delete what a deployment still has of a model that it no longer serves."""

from __future__ import annotations

from typing import Annotated

import typer
from botocore.exceptions import ClientError

from cdk.naming import camel_case
from cli.shared import console
from cli.shared.options import Aws, Json, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from evergreen.errors import EvergreenError
from evergreen.production import Production


def command(
    model: Annotated[str, typer.Argument(help="Name of the model that was taken out.")],
    *,
    data: Annotated[
        bool,
        typer.Option(
            "--data", help="Also delete its log, ground truth, data sets, bundles and decisions."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Delete the production pointer of a model that is no longer deployed, and its data on request.

    Take a model out in two steps: delete its folder in models/ and run `evergreen deploy`, which
    removes its function, streams and alarms. Then run this command for what the deployment
    keeps outside its stacks. Without --data that is the pointer alone; the log and the models stay.

    With --data nothing of the model is left in the data bucket. That cannot be undone, so the
    command asks for the model's name. MLflow keeps the model's runs.
    """
    target = choose(aws=aws, stage=stage)
    if f"PredictFunctionName{camel_case(model)}" in target.outputs:
        raise EvergreenError(
            f"{model} is still deployed to stage {target.stage}",
            fix=f"Delete the folder models/{model}, run `evergreen deploy`, and then this again.",
        )
    # The lake takes seconds to import.
    from evergreen.repair.removal import count_objects, remove_model_data

    client = target.client("ssm")
    name = Production(target.stage, client).parameter(model)
    found = count_objects(target.storage, model) if data else {}
    if data and not yes:
        for what, number in found.items():
            console.out.print(f"  {what:<40} {number:>8,} objects", markup=False)
        if typer.prompt(f"\nType the model's name, {model}, to delete all this") != model:
            console.out.print("Nothing was deleted.")
            raise typer.Exit(1)
    with Steps() as steps:
        with steps.step("pointer", f"Delete the production pointer of {model}") as say:
            pointer = _delete(client, name)
            say("deleted" if pointer else "there was none")
        if data:
            with steps.step("data", f"Delete the data of {model}"):
                found = remove_model_data(target.storage, target.lake_tables, model)
    if json:
        console.document({"model": model, "pointer": pointer, "objects": found})
        return
    for what, number in found.items():
        console.out.print(f"  {what:<40} {number:>8,} objects deleted", markup=False)
    if not data:
        console.out.print(f"\nThe log and the models of {model} stay. --data deletes them too.")


def _delete(client: object, name: str) -> bool:
    """Delete a parameter; return whether there was one."""
    try:
        client.delete_parameter(Name=name)  # type: ignore[attr-defined] # boto3's
    except ClientError as error:
        if error.response["Error"]["Code"] == "ParameterNotFound":
            return False
        raise
    return True
