"""LocalStack plugins, found through entry points: they start the buffers and flush them."""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstack.runtime import hooks

from evergreen_firehose_buffer.buffers import Buffers, Hints
from evergreen_firehose_buffer.chunk import Destination

if TYPE_CHECKING:
    from collections.abc import Mapping

SETTING = "EVERGREEN_FIREHOSE_BUFFER"
"""The folder for what is collected. Without it LocalStack's own behaviour stays."""

_running: list[Buffers] = []


@hooks.on_infra_start()  # type: ignore[untyped-decorator]
def buffer_firehose() -> None:
    """Collect the records of S3 destinations instead of writing each call at once."""
    folder = os.environ.get(SETTING)
    if not folder:
        return
    # Imported here, because without the setting LocalStack need not load Firehose.
    from localstack.services.firehose.provider import FirehoseProvider  # noqa: PLC0415

    buffers = Buffers(Path(folder), deliver)

    def collect(
        _: FirehoseProvider,
        stream_name: str,
        records: list[dict[str, Any]],
        s3_destination_description: Mapping[str, Any],
    ) -> None:
        data = b"".join(base64.b64decode(each.get("Data") or each["data"]) for each in records)
        destination = read_destination(stream_name, s3_destination_description)
        buffers.add(destination, read_hints(s3_destination_description), data)

    FirehoseProvider._put_records_to_s3_bucket = collect  # noqa: SLF001 - it has no other seam
    _running.append(buffers)
    buffers.start()


@hooks.on_infra_shutdown()  # type: ignore[untyped-decorator]
def flush_firehose() -> None:
    """Write everything while S3 still answers."""
    for buffers in _running:
        buffers.stop()


def read_destination(stream: str, description: Mapping[str, Any]) -> Destination:
    """Read the S3 destination of a stream from its description."""
    return Destination(
        stream=stream,
        # LocalStack does not count versions.
        version="1",
        bucket=description["BucketARN"].rpartition(":")[2],
        prefix=description.get("Prefix") or "",
        extension=description.get("FileExtension") or "",
        role_arn=description.get("RoleARN") or "",
    )


def read_hints(description: Mapping[str, Any]) -> Hints:
    """Read the hints of a stream's S3 destination; AWS has a default for each."""
    given, usual = description.get("BufferingHints") or {}, Hints()
    size, seconds = given.get("SizeInMBs"), given.get("IntervalInSeconds")
    return Hints(
        size=usual.size if size is None else size * 1024**2,
        interval=usual.interval if seconds is None else timedelta(seconds=seconds),
    )


def deliver(to: Destination, key: str, body: bytes) -> None:
    """Write one object as LocalStack's Firehose does."""
    from localstack.aws.connect import connect_to  # noqa: PLC0415
    from localstack.utils.aws.client_types import ServicePrincipal  # noqa: PLC0415

    firehose = ServicePrincipal.firehose
    clients = (
        connect_to.with_assumed_role(role_arn=to.role_arn, service_principal=firehose)
        if to.role_arn
        else connect_to()
    )
    s3 = clients.s3.request_metadata(source_arn=to.stream, service_principal=firehose)
    s3.put_object(Bucket=to.bucket, Key=key, Body=body)
