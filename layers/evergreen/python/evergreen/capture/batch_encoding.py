"""Encoding of PutRecordBatch: its body is written by msgspec instead of botocore.

botocore writes base64 and then JSON, with a copy for each step and a search for characters to
escape, which base64 does not have. For 1,000 rows that is more than half of the time of a call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

_CALL = "firehose.PutRecordBatch"
_REAL = "evergreen_parameters"
_ENCODER = msgspec.json.Encoder()


def encode_batches_quickly(client: Any) -> None:  # noqa: ANN401 - made at run time
    """Let the client's PutRecordBatch encode its records with msgspec.

    The bytes on the wire mean the same. botocore still checks, signs and sends the call; only it
    sees records without data until their body is written.
    """
    client.meta.events.register_last(f"provide-client-params.{_CALL}", _keep)
    client.meta.events.register_first(f"before-call.{_CALL}", _write)


def _keep(params: Mapping[str, Any], context: dict[str, Any], **_: object) -> dict[str, Any]:
    context[_REAL] = params
    return {**params, "Records": [{"Data": b""}] * len(params["Records"])}


def _write(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    # msgspec writes bytes as base64, as this protocol of AWS does.
    params["body"] = _ENCODER.encode(context[_REAL])
