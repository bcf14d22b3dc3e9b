"""Invocation of a deployed Lambda function, with its answer."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from cli.shared import console
from evergreen.aws import Patience
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from cli.shared.target import Target


# A function may run for 15 minutes. A call that times out here must not start it a second time.
_PATIENT = Patience(connect=5, read=920, attempts=1)


_THROTTLED_SECONDS = 600
_THROTTLED_PAUSE_SECONDS = 1


class FunctionError(EvergreenError):
    """A Lambda function ended with an error; the message comes from the function."""


def call(target: Target, output: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Invoke a Lambda function and return its answer.

    Parameters
    ----------
    output
        The output of the deployment that holds the function's name.
    payload
        The event.

    Raises
    ------
    FunctionError
        If the function raised, or still ran as often as it may after ten minutes.
    """
    name = target.output(output)
    client = target.client("lambda", _PATIENT.config())
    answer = _invoke(client, name, json.dumps(payload).encode())
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FunctionError(body.get("errorMessage", "it ended without a message"), where=name)
    found: dict[str, Any] = body
    return found


def _invoke(client: Any, name: str, payload: bytes) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
    """Invoke the function; wait while it runs as often as it may, as a scheduled check does."""
    until = time.monotonic() + _THROTTLED_SECONDS
    warned = False
    while True:
        try:
            return client.invoke(FunctionName=name, Payload=payload)
        except client.exceptions.TooManyRequestsException as error:  # it did not start
            if time.monotonic() > until:
                raise FunctionError(
                    "it runs as often as it may at a time", where=name, fix="Try again later."
                ) from error
            if not warned:
                console.progress("waiting", f"{name} runs already, as often as it may")
                warned = True
            time.sleep(_THROTTLED_PAUSE_SECONDS)
