"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.shared.examples import MODELS
from evergreen.model_definition.loading import DEFINITION_FILE


def complete_model(incomplete: str) -> list[str]:
    """Return the names of models that begin like this, for the shell's completion."""
    names = sorted(file.parent.name for file in MODELS.glob(f"*/{DEFINITION_FILE}"))
    return [name for name in names if name.startswith(incomplete)]


ModelArgument = Annotated[
    str,
    typer.Argument(help="Name of the model: its folder in models/.", autocompletion=complete_model),
]
Aws = Annotated[
    bool,
    typer.Option("--aws", help="Use the AWS account of your credentials, not the local stack."),
]
Stage = Annotated[
    str | None,
    typer.Option(help="Deployment stage. Default: with --aws that of cdk.json, otherwise dev."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
