"""`evergreen up`: start the local stack."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from cli.shared import console
from local.settings import read_settings
from local.stack import up


def command(
    *,
    json: Annotated[bool, typer.Option("--json", help="Print addresses as JSON.")] = False,
) -> None:
    """Start the local stack: LocalStack (AWS), MLflow with its PostgreSQL and S3, monitoring.

    Builds the environments they need from the locks first, which takes a few minutes the first
    time and nothing afterwards. What runs already is left alone, what has ended is started
    again, so this is also how to repair a stack. A taken port is named and another one used.

    Set AWS_ENDPOINT_URL to use an emulator of your own instead of LocalStack. Prometheus,
    Alertmanager and the node exporter run with it where they are installed; alerts are sent to
    EVERGREEN_ALERT_WEBHOOK if that is set.

    Next: `evergreen status`, `evergreen deploy`. `evergreen down` stops it.
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
    console.out.print("\nStop it with `evergreen down`.")
