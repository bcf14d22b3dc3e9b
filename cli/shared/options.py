"""Options and arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ModelArgument = Annotated[str, typer.Argument(help="Name of the model: its folder in models/.")]
Aws = Annotated[
    bool,
    typer.Option("--aws", help="Use the AWS account of your credentials, not the local stack."),
]
Stage = Annotated[
    str | None,
    typer.Option(help="Deployment stage. Default: with --aws that of cdk.json, otherwise dev."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
