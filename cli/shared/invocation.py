"""Calling a deployed function and waiting for its answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from cli.shared.target import Target


# A function may take its 15 minutes; what has timed out here must not run twice there.
_PATIENT = Config(read_timeout=920, retries={"total_max_attempts": 1})


class FunctionError(EvergreenError):
    """A function ended with an error; the message is its own."""


def call(target: Target, output: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Call a function.

    Parameters
    ----------
    output
        The deployment's output that names the function.
    payload
        The event.

    Raises
    ------
    FunctionError
        If the function raised.
    """
    name = target.output(output)
    client = target.client("lambda", _PATIENT)
    answer = client.invoke(FunctionName=name, Payload=json.dumps(payload).encode())
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FunctionError(body.get("errorMessage", "it ended without a message"), where=name)
    found: dict[str, Any] = body
    return found
