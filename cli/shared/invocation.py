"""Invocation of a deployed Lambda function, with its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evergreen.aws import Patience
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from cli.shared.target import Target


# A function may run for 15 minutes. A call that times out here must not start it a second time.
_PATIENT = Patience(connect=5, read=920, attempts=1)


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
        If the function raised.
    """
    name = target.output(output)
    client = target.client("lambda", _PATIENT.config())
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload).encode())
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FunctionError(body.get("errorMessage", "it ended without a message"), where=name)
    found: dict[str, Any] = body
    return found
