"""`evergreen down`: stop the local stack."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared import console
from local.settings import read_settings
from local.stack import down


def command(
    *,
    clean: Annotated[
        bool,
        typer.Option("--clean", help="Delete MLflow's data, the data bucket and the pointers too."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print what was stopped as JSON.")] = False,
) -> None:
    """Stop every service of the local stack.

    What is in production stays for the next `evergreen up`, with the data bucket (request log,
    bundles, data sets, decisions) and MLflow's runs, versions and artifacts. The app itself goes
    with LocalStack: after `evergreen up`, `evergreen deploy` makes the same versions serve again.

    With --clean the data are deleted too. Built environments always stay.
    """
    stopped = down(read_settings(), console.progress, clean=clean)
    if json:
        console.document({"stopped": stopped})
    elif stopped:
        console.out.print("The local stack is stopped. `evergreen up` starts it again.")
    else:
        console.out.print("Nothing was running. `evergreen up` starts the local stack.")
