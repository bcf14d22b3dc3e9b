"""Delivery of records before a function answers: to Firehose, or to S3 if Firehose fails.

Nothing waits in process memory between invocations: a frozen or killed execution environment
must not be able to lose a record whose caller already has an answer.
"""

from __future__ import annotations

import json
import random
import time
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from evergreen.clock import Clock, utc_now
from evergreen.errors import LogDeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mypy_boto3_firehose import FirehoseClient

    from evergreen.storage import Storage

MAX_BATCH_RECORDS = 500
"""Records per PutRecordBatch (docs.aws.amazon.com/firehose/latest/dev/limits.html)."""
MAX_BATCH_BYTES = 4 * 1024 * 1024
"""Bytes per PutRecordBatch, same page."""
MAX_RECORD_BYTES = 1000 * 1024
"""Bytes per record before base64, same page."""
ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """The result of a delivery: how many records there were, and how many went to S3 directly."""

    delivered: int
    spilled: int


class Delivery:
    """Delivers records as JSON lines to one Firehose stream.

    Parameters
    ----------
    client
        A boto3 Firehose client.
    stream
        Name of the delivery stream.
    storage
        The data bucket, for records that the stream does not take.
    spill_prefix
        The prefix below which the stream itself lands, e.g. ``request-log/raw/model=m/``: spilled
        records are read by the same readers.
    clock, pause
        Time and waiting, for tests.
    """

    def __init__(
        self,
        client: FirehoseClient,
        stream: str,
        storage: Storage,
        spill_prefix: str,
        *,
        clock: Clock = utc_now,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client = client
        self._stream = stream
        self._storage = storage
        self._spill_prefix = spill_prefix
        self._clock = clock
        self._pause = pause

    def deliver(self, records: Sequence[Mapping[str, Any]]) -> DeliveryReport:
        """Deliver all records, or raise; delivery is at least once.

        Raises
        ------
        LogDeliveryError
            If neither Firehose nor S3 took every record.
        """
        spilled: list[bytes] = []
        for batch in batches([encode(record) for record in records]):
            spilled.extend(self._put(batch))
        if spilled:
            self._spill(spilled)
        return DeliveryReport(delivered=len(records), spilled=len(spilled))

    def _put(self, lines: list[bytes]) -> list[bytes]:
        """Put one batch; return the lines that Firehose did not take after all attempts."""
        if len(lines) == 1 and len(lines[0]) > MAX_RECORD_BYTES:
            return lines
        for attempt in range(ATTEMPTS):
            if attempt:
                jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, guards nothing
                self._pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * jitter)
            try:
                answer = self._client.put_record_batch(
                    DeliveryStreamName=self._stream, Records=[{"Data": line} for line in lines]
                )
            except (ClientError, BotoCoreError):
                continue
            if not answer["FailedPutCount"]:
                return []
            results = zip(lines, answer["RequestResponses"], strict=True)
            lines = [line for line, result in results if result.get("ErrorCode")]
        return lines

    def _spill(self, lines: list[bytes]) -> None:
        key = f"{self._spill_prefix}{self._clock():%Y/%m/%d/%H}/spill-{uuid.uuid4()}"
        try:
            self._storage.put(key, b"".join(lines))
        except (ClientError, BotoCoreError) as error:
            raise LogDeliveryError(
                f"neither Firehose nor S3 took {len(lines)} records: {error}", where=self._stream
            ) from error


def encode(record: Mapping[str, Any]) -> bytes:
    """Write a record as one line of JSON; Firehose adds no separators, so the newline is ours."""
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def batches(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Cut lines into batches that PutRecordBatch takes.

    A line above the limit for one record comes alone.
    """
    batch: list[bytes] = []
    size = 0
    for line in lines:
        alone = len(line) > MAX_RECORD_BYTES
        full = len(batch) == MAX_BATCH_RECORDS or size + len(line) > MAX_BATCH_BYTES
        if batch and (full or alone or len(batch[0]) > MAX_RECORD_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(line)
        size += len(line)
    if batch:
        yield batch
