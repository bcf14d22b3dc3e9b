"""Delivery of records before a function answers: to Firehose, or to S3 if Firehose fails.

Nothing waits in process memory between invocations: a frozen or killed execution environment
must not be able to lose a record whose caller already has an answer.
"""

from __future__ import annotations

import random
import time
import uuid
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from evergreen.clock import Clock, utc_now
from evergreen.errors import LogDeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

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


class LineDelivery(Protocol):
    """What takes JSON lines and has stored them when it returns."""

    def deliver(self, lines: bytes) -> int:
        """Deliver all lines, or raise :class:`LogDeliveryError`; return how many were spilled."""


class Delivery:
    """Delivers JSON lines to one Firehose stream, many of them in one Firehose record.

    Firehose bills a record as 5 KB at least, and each record costs time to encode.

    Parameters
    ----------
    client
        A boto3 Firehose client.
    stream
        Name of the delivery stream.
    storage
        The data bucket, for lines that the stream does not take.
    spill_prefix
        The prefix below which the stream itself lands, e.g. ``request-log/raw/model=m/``: spilled
        lines are read by the same readers.
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

    def deliver(self, lines: bytes) -> int:
        """Deliver all lines, or raise; delivery is at least once.

        Parameters
        ----------
        lines
            As :func:`evergreen.capture.lines.to_lines` returns them.

        Returns
        -------
        int
            How many lines went to S3 because Firehose did not take them.

        Raises
        ------
        LogDeliveryError
            If neither Firehose nor S3 took every line.
        """
        spilled: list[bytes] = []
        for batch in batches(join_lines(lines)):
            spilled.extend(self._put(batch))
        if spilled:
            self._spill(b"".join(spilled))
        return sum(record.count(b"\n") for record in spilled)

    def _put(self, records: list[bytes]) -> list[bytes]:
        """Put one batch; return the records that Firehose did not take after all attempts."""
        if len(records) == 1 and len(records[0]) > MAX_RECORD_BYTES:
            return records
        for attempt in range(ATTEMPTS):
            if attempt:
                jitter = random.uniform(0.5, 1.5)  # noqa: S311 - spreads retries, guards nothing
                self._pause(FIRST_PAUSE_SECONDS * 2 ** (attempt - 1) * jitter)
            try:
                answer = self._client.put_record_batch(
                    DeliveryStreamName=self._stream,
                    Records=[{"Data": record} for record in records],
                )
            except (ClientError, BotoCoreError):
                continue
            if not answer["FailedPutCount"]:
                return []
            results = zip(records, answer["RequestResponses"], strict=True)
            records = [record for record, result in results if result.get("ErrorCode")]
        return records

    def _spill(self, lines: bytes) -> None:
        key = f"{self._spill_prefix}{self._clock():%Y/%m/%d/%H}/spill-{uuid.uuid4()}"
        try:
            self._storage.put(key, lines)
        except (ClientError, BotoCoreError) as error:
            number = lines.count(b"\n")
            raise LogDeliveryError(
                f"neither Firehose nor S3 took {number} records: {error}", where=self._stream
            ) from error


def join_lines(lines: bytes) -> Iterator[bytes]:
    """Cut lines into as few Firehose records as hold them, each of whole lines.

    A line above the limit for one record comes alone.
    """
    start = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + MAX_RECORD_BYTES) + 1
        if not end:
            end = lines.index(b"\n", start) + 1
        yield lines[start:end]
        start = end


def batches(records: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Group records into batches that PutRecordBatch takes.

    A record above the limit for one comes alone.
    """
    batch: list[bytes] = []
    size = 0
    for record in records:
        alone = len(record) > MAX_RECORD_BYTES
        full = len(batch) == MAX_BATCH_RECORDS or size + len(record) > MAX_BATCH_BYTES
        if batch and (full or alone or len(batch[0]) > MAX_RECORD_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record)
    if batch:
        yield batch
