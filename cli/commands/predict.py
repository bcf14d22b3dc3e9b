"""`evergreen predict`: ask the API for a prediction."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from cli.shared import console
from cli.shared.examples import MODELS, NoExampleError
from cli.shared.options import Aws, Json, ModelArgument, Stage
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
    body = _body(model, row, file)
    with Api.of(choose(aws=aws, stage=stage)) as api:
        answer = api.predict(model, body)
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


def _body(model: str, row: str | None, file: Path | None) -> dict[str, Any]:
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
    from cli.shared.demo_steps import example_row  # imports pandas, which takes seconds

    try:
        return {"instances": [example_row(model)]}
    except NoExampleError as error:
        raise NoExampleError(
            f"{model} has no recorded data to take a row from",
            fix="Give a row of yours by --row or --file.",
        ) from error


def _parsed(text: str | bytes, option: str) -> object:
    try:
        return parse_strict_json(text)
    except ValueError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint=option) from error
