"""`evergreen serve`: the API of one model on this machine, without Lambda."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli.shared import console
from cli.shared.deployed_models import require_deployed
from cli.shared.examples import MODELS
from cli.shared.options import Aws, Json, ModelArgument, Stage
from cli.shared.served_locally import (
    SERVED,
    copy_bundle,
    deployment_variables,
    folder_variables,
    serve_here,
)
from cli.shared.target import choose
from evergreen.model_definition import find_definition


def command(
    model: ModelArgument,
    *,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Serve this folder: manifest.json and what it names. Needs no stack.",
            exists=True,
            file_okay=False,
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(help="Serve this version of the deployment. Default: that in production."),
    ] = None,
    live: Annotated[
        bool,
        typer.Option(
            "--live", help="Follow promotions, and write to the request log of the deployment."
        ),
    ] = False,
    port: Annotated[
        int, typer.Option(help="Port on 127.0.0.1; 0 is any free one.", min=0, max=65535)
    ] = 8080,
    aws: Aws = False,
    stage: Stage = None,
    json: Json = False,
) -> None:
    """Serve a model on this machine: the application of the deployment, with uvicorn.

    It has the same routes and the same answers, so every client of docs/clients.md works, at the
    address of this machine. It takes calls from this machine only, and needs no key unless
    EVERGREEN_API_KEY is set.

    The version in production is copied from the deployment first. What is predicted is logged to
    files below .evergreen/served, and the deployment sees none of it. With --live it does what the
    model's function does. With --bundle it needs neither a deployment nor a network.

    Ctrl-C ends it, after the answers that are under way.

    Next: open /docs at the address that it prints. docs/containers.md says how to run the same in
    a container, and when that is cheaper than Lambda.
    """
    find_definition(MODELS, model)
    if bundle is not None and (live or version is not None):
        raise typer.BadParameter("--bundle is without --live and --version", param_hint="--bundle")
    if live and version is not None:
        raise typer.BadParameter("--live serves what is in production", param_hint="--version")
    log = SERVED / model / "log"
    if live:
        target = choose(aws=aws, stage=stage)
        require_deployed(target, model)
        variables = deployment_variables(target, model)
    else:
        folder = bundle or copy_bundle(
            choose(aws=aws, stage=stage), model, version, SERVED / model / "bundles"
        )
        variables = folder_variables(model, folder, log)

    def said(address: str, served: str) -> None:
        place = "the request log of the deployment" if live else str(log)
        if json:
            console.document({"url": address, "model": model, "version": served, "log": place})
            return
        console.out.print(
            f"version {served} of {model} at {address}\n\n"
            f"  documentation  {address}/docs\n"
            f"  predict        POST {address}/models/{model}/predict\n"
            f"  log            {place}\n\n"
            "Ctrl-C ends it.",
            markup=False,
            soft_wrap=True,
        )

    # A shell lets its background jobs ignore Ctrl-C; the server then ends without this error.
    with suppress(KeyboardInterrupt):
        serve_here(variables, port, said)
    console.progress("server", "ended")
