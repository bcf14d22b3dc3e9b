"""`evergreen predict`: ask the API for a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli.shared import console
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS, NoExampleError, has_recorded_data
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.progress import Steps
from cli.shared.target import choose
from cli.shared.traffic import Api
from evergreen.model_definition import find_definition
from evergreen.strict_json import parse_strict_json


def command(
    model: ModelArgument,
    *,
    row: Annotated[
        str | None, typer.Option(help="One row as JSON: '{\"distance\": 733, …}'.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="A JSON file: one row, a list of rows, or a whole request body.",
            exists=True,
            dir_okay=False,
            readable=True,
        ),
    ] = None,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Ask the deployed API for predictions.

    Without --row and --file it sends one row of the example's data. The request is logged like any
    other, and the next drift check includes it. If a row is not valid, the API names the fields
    that are wrong.

    Next: `evergreen check-drift MODEL`.
    """
    if row is not None and file is not None:
        raise typer.BadParameter("give either --row or --file", param_hint="--row")
    find_definition(MODELS, model)
    body = _given(row, file)
    target = choose(aws=aws, stage=stage)
    require_deployed(target, model)
    if body is None:
        body = _recorded(model)
    with Api.of(target) as api:
        answer = api.predict(model, body)
    for warning in answer.get("warnings", ()):
        console.progress("warning", escape(warning))
    if json:
        console.document(answer)
        return
    confidences = answer["confidences"] or [None] * len(answer["predictions"])
    intervals = answer.get("intervals") or [None] * len(confidences)
    rows = zip(answer["predictions"], confidences, intervals, strict=True)
    for prediction, confidence, interval in rows:
        sure = "" if confidence is None else f"  (confidence {confidence:.3f})"
        span = "" if interval is None else f"  ({interval[0]:.6g} to {interval[1]:.6g})"
        console.out.print(f"{prediction}{sure}{span}", markup=False)
    console.out.print(
        f"\nversion {answer['model_version']} of {model}, request {answer['request_id']}",
        style="dim",
        soft_wrap=True,
    )


def _given(row: str | None, file: Path | None) -> dict[str, Any] | None:
    """Return the request body that the options name; None if they name none."""
    if row is not None:
        given = _parsed(row, "--row")
        if not isinstance(given, dict):
            raise typer.BadParameter("a row is a JSON object", param_hint="--row")
        return {"instances": [given]}
    if file is not None:
        given = _parsed(file.read_bytes(), "--file")
        if isinstance(given, list):
            return {"instances": given}
        if not isinstance(given, dict):
            raise typer.BadParameter(
                "the file holds neither a row nor a list of rows", param_hint="--file"
            )
        # The values of a row are numbers and strings. A request body holds lists or objects.
        is_body = any(isinstance(value, list | dict) for value in given.values())
        return given if is_body else {"instances": [given]}
    return None


def _recorded(model: str) -> dict[str, Any]:
    """Return a request body with one row of the model's recorded data."""
    fix = "Give a row of yours by --row or --file."
    missing = f"{model} has no recorded data to take a row from"
    # Without the file there is nothing to take; pandas, which reads it, takes seconds to import.
    if not has_recorded_data(model):
        raise NoExampleError(missing, fix=fix)
    with Steps() as steps, steps.step("row", f"Take a row of {model}'s recorded data"):
        from cli.shared.demo_steps import example_row

        try:
            return {"instances": [example_row(model)]}
        except NoExampleError as error:
            raise NoExampleError(f"{missing}: {error.what}", where=error.where, fix=fix) from error


def _parsed(text: str | bytes, option: str) -> object:
    try:
        return parse_strict_json(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=option) from error
