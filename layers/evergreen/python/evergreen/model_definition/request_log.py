"""The section ``[request_log]``: how the log is buffered, and what it leaves out."""

from __future__ import annotations

from pydantic import Field

from evergreen.model_definition.base import Strict


class RequestLog(Strict):
    """How the request log is buffered and what is kept out of it."""

    flush_records: int = Field(default=5000, ge=1)
    """Rows that Firehose collects before it writes an object. Firehose takes a size in MiB, so
    1 KiB a row is assumed; the result is at least 1 MiB and at most 128 MiB."""
    flush_seconds: int = Field(default=60, ge=0, le=900)
    """Seconds after which Firehose writes an object, however few rows there are. `flush_seconds` in
    `cdk.json` replaces it."""
    redact: tuple[str, ...] = ()
    """Names of features that are never written to the request log. They are not tested for drift
    and cannot be segments."""
    redact_metadata: tuple[str, ...] = ()
    """Names of a request's `metadata`, and `id` for the id that a caller gives it, that are never
    written to the request log."""
