"""The section ``[request_log]``: how the log is buffered, and what it leaves out."""

from __future__ import annotations

from pydantic import Field

from evergreen.model_definition.base import Strict


class RequestLog(Strict):
    """How the request log is buffered and what is kept out of it."""

    flush_records: int = Field(default=5000, ge=1)
    flush_seconds: int = Field(default=60, ge=0, le=900)
    redact: tuple[str, ...] = ()
