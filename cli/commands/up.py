"""`evergreen up`: start the local stack."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli.shared import console
from cli.shared.lost_state import find_forgotten
from cli.shared.target import Target
from local.settings import read_settings
from local.stack import up


def command(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print addresses as JSON.")] = False,
) -> None:
    """Start the local stack: LocalStack (AWS), MLflow with its PostgreSQL and S3, monitoring.

    The first run builds the environments from the locks, which takes a few minutes. Services that
    already run are left alone. Services that have ended are started again, so the command also
    repairs a stack. If a port is taken, the command says so and uses another one.

    Set AWS_ENDPOINT_URL to use your own emulator instead of LocalStack. Its functions must reach
    the catalogue of the lake's tables. By default that is the PostgreSQL started here, on the
    loopback address. If the functions run elsewhere, set EVERGREEN_LAKE_CATALOG to the SQLAlchemy
    URI of a database that they reach, or to `glue` if the emulator has Glue.

    Prometheus, Alertmanager and the node exporter are started if they are installed. Alertmanager
    sends alerts to EVERGREEN_ALERT_WEBHOOK if that is set.

    After a stop or a crash of LocalStack the app is not deployed. The data bucket and what was in
    production are kept. The command says so, and `evergreen deploy` makes the same versions serve.

    Next: `evergreen status`, `evergreen deploy`. `evergreen down` stops the stack.
    """
    began = time.monotonic()
    stack = up(read_settings(), console.progress)
    if json:
        console.document(stack.client_environment())
        return
    console.out.print(f"\nThe local stack runs (ready after {time.monotonic() - began:.0f} s).\n")
    console.out.print(f"  AWS     {stack.endpoint_url}")
    console.out.print(f"  MLflow  {stack.mlflow_uri}\n")
    console.out.print("To use it from this shell:\n")
    for name, value in stack.client_environment().items():
        console.out.print(f"  export {name}={value}", soft_wrap=True)
    if forgotten := find_forgotten(Target.local(stack)):
        console.out.print(f"\n{forgotten}", soft_wrap=True, markup=False)
    console.out.print("\nStop it with `evergreen down`.")
