"""Invocation reports in AWS's format: the platform's log lines and error responses."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen_lambda_executor.process import Ending

_TYPES = {
    "exited": "Runtime.ExitError",
    "killed": "Runtime.ExitError",
    "timed_out": "Sandbox.Timedout",
}


@dataclass(frozen=True)
class Call:
    """The facts about an invocation that are known before it ends."""

    request_id: str
    version: str
    timeout: int
    memory_mb: int


def error_body(call: Call, ending: Ending, exit_reason: str) -> bytes:
    """Return the response for an ending that the function's process could not report itself."""
    reason = exit_reason
    if ending.kind == "timed_out":
        reason = f"Task timed out after {call.timeout:.2f} seconds"
    message = f"RequestId: {call.request_id} Error: {reason}"
    return json.dumps({"errorType": _TYPES[ending.kind], "errorMessage": message}).encode()


def log_text(
    call: Call, ending: Ending, output: tuple[str, str], peak_mb: int, init_seconds: float | None
) -> str:
    """Return the log of one invocation, START to REPORT.

    Parameters
    ----------
    output
        Output of the process during its initialisation and the invocation.
    init_seconds
        Duration of the initialisation, if it was part of this invocation.
    """
    before, during = output
    request = f"RequestId: {call.request_id}"
    milliseconds = ending.seconds * 1000
    fields = [
        f"REPORT {request}",
        f"Duration: {milliseconds:.2f} ms",
        f"Billed Duration: {math.ceil(milliseconds)} ms",
        f"Memory Size: {call.memory_mb} MB",
        f"Max Memory Used: {min(peak_mb, call.memory_mb)} MB",
    ]
    if init_seconds is not None:
        fields.append(f"Init Duration: {init_seconds * 1000:.2f} ms")
    extra: list[str] = []
    if ending.kind == "timed_out":
        extra = [f"{request} Task timed out after {call.timeout:.2f} seconds"]
        fields.append("Status: timeout")
    elif ending.kind not in {"response", "error"}:
        fault = json.loads(ending.body)
        extra = [f"{request} {fault['errorType']}: {fault['errorMessage']}"]
        fields += ["Status: error", f"Error Type: {fault['errorType']}"]
    lines = [
        *before.split("\n"),
        f"START {request} Version: {call.version}",
        *during.split("\n"),
        *extra,
        f"END {request}",
        "\t".join(fields),
    ]
    return "\n".join(line for line in lines if line) + "\n"
