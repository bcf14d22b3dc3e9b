"""Delivery takes every record somewhere or says that it could not.

Firehose refuses here through a stand-in client: LocalStack's never refuses a record.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from evergreen.capture.delivery import (
    ATTEMPTS,
    FIRST_PAUSE_SECONDS,
    MAX_BATCH_BYTES,
    MAX_BATCH_RECORDS,
    MAX_RECORD_BYTES,
    Delivery,
    batches,
    encode,
)
from evergreen.errors import LogDeliveryError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_firehose import FirehoseClient

    from evergreen.storage import Storage

NOON = datetime(2026, 5, 4, 12, 30, tzinfo=UTC)


class ReluctantFirehose:
    """Takes what the next answer lets it take, as PutRecordBatch may."""

    def __init__(self, refuse: list[Any]) -> None:
        self.refuse = refuse
        self.taken: list[bytes] = []
        self.calls = 0

    def put_record_batch(self, *, DeliveryStreamName: str, Records: list[Any]) -> Any:  # noqa: N803
        assert DeliveryStreamName == "stream"
        refused = self.refuse[min(self.calls, len(self.refuse) - 1)] if self.refuse else set()
        self.calls += 1
        if isinstance(refused, Exception):
            raise refused
        responses = []
        for number, record in enumerate(Records):
            if number in refused:
                responses.append({"ErrorCode": "ServiceUnavailableException"})
            else:
                self.taken.append(record["Data"])
                responses.append({"RecordId": "1"})
        return {"FailedPutCount": len(refused), "RequestResponses": responses}


class Shelf:
    """The one verb of Storage that delivery uses."""

    def __init__(self, *, broken: bool = False) -> None:
        self.objects: dict[str, bytes] = {}
        self.broken = broken

    def put(self, key: str, body: bytes) -> None:
        if self.broken:
            raise _down()
        self.objects[key] = body


def _down() -> ClientError:
    return ClientError({"Error": {"Code": "ServiceUnavailable", "Message": "down"}}, "Put")


def _delivery(
    firehose: ReluctantFirehose, shelf: Shelf, pause: Callable[[float], None] = lambda _: None
) -> Delivery:
    return Delivery(
        cast("FirehoseClient", firehose),
        "stream",
        cast("Storage", shelf),
        "request-log/raw/model=m/",
        clock=lambda: NOON,
        pause=pause,
    )


RECORDS = [{"row": number} for number in range(5)]
LINES = [encode(record) for record in RECORDS]


def test_all_taken_at_once() -> None:
    firehose, shelf = ReluctantFirehose([]), Shelf()
    report = _delivery(firehose, shelf).deliver(RECORDS)
    assert (report.delivered, report.spilled) == (5, 0)
    assert firehose.taken == LINES
    assert not shelf.objects


def test_only_the_refused_are_sent_again() -> None:
    firehose, shelf = ReluctantFirehose([{1, 3}, {0}, set()]), Shelf()
    report = _delivery(firehose, shelf).deliver(RECORDS)
    assert report.spilled == 0
    assert sorted(firehose.taken) == sorted(LINES)


@pytest.mark.parametrize("refuse", [[{0, 1, 2, 3, 4}], [_down()]])
def test_what_firehose_never_takes_goes_to_s3_below_its_own_prefix(refuse: list[Any]) -> None:
    firehose, shelf = ReluctantFirehose(refuse), Shelf()
    report = _delivery(firehose, shelf).deliver(RECORDS)
    assert firehose.calls == ATTEMPTS
    assert report.spilled == 5
    [(key, body)] = shelf.objects.items()
    assert key.startswith("request-log/raw/model=m/2026/05/04/12/spill-")
    assert body.splitlines(keepends=True) == LINES


def test_nowhere_to_go_is_an_error() -> None:
    with pytest.raises(LogDeliveryError, match="neither Firehose nor S3 took 5 records") as caught:
        _delivery(ReluctantFirehose([_down()]), Shelf(broken=True)).deliver(RECORDS)
    assert caught.value.where == "stream"


def test_an_answer_about_fewer_records_is_not_taken_for_success() -> None:
    class Forgetful(ReluctantFirehose):
        def put_record_batch(self, **asked: Any) -> Any:
            answer = super().put_record_batch(**asked)
            return {**answer, "RequestResponses": answer["RequestResponses"][:-1]}

    with pytest.raises(ValueError, match="shorter"):
        _delivery(Forgetful([{0}, set()]), Shelf()).deliver(RECORDS)


def test_the_pause_before_a_retry_doubles_and_is_spread() -> None:
    pauses: list[float] = []
    for _ in range(300):
        _delivery(ReluctantFirehose([_down()]), Shelf(), pauses.append).deliver(RECORDS)
    for number, usual in enumerate((FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS)):
        shares = [pause / usual for pause in pauses[number :: ATTEMPTS - 1]]
        assert len(shares) == 300
        # That 300 pauses all miss an end of their range has a chance below 1e-12.
        assert 0.5 <= min(shares) < 0.6
        assert 1.4 < max(shares) <= 1.5


def test_a_record_too_large_for_firehose_is_spilled_alone() -> None:
    firehose, shelf = ReluctantFirehose([]), Shelf()
    large = {"text": "x" * (MAX_RECORD_BYTES + 1)}
    report = _delivery(firehose, shelf).deliver([RECORDS[0], large, RECORDS[1]])
    assert report.spilled == 1
    assert firehose.taken == LINES[:2]
    assert json.loads(next(iter(shelf.objects.values()))) == large


def test_a_record_as_large_as_firehose_takes_is_not_spilled() -> None:
    firehose, shelf = ReluctantFirehose([]), Shelf()
    largest = {"text": "x" * (MAX_RECORD_BYTES - len(encode({"text": ""})))}
    assert _delivery(firehose, shelf).deliver([largest]).spilled == 0
    assert firehose.taken == [encode(largest)]


def test_a_record_is_one_compact_line_of_utf_8() -> None:
    line = encode({"city": "Köln", "lines": ["a\nb", 1.5, None]})
    assert line == '{"city":"Köln","lines":["a\\nb",1.5,null]}\n'.encode()


def test_a_batch_is_filled_up_to_each_limit_and_not_beyond() -> None:
    large, rest = b"x" * MAX_RECORD_BYTES, b"y" * (MAX_BATCH_BYTES % MAX_RECORD_BYTES)
    full = [large] * (MAX_BATCH_BYTES // MAX_RECORD_BYTES) + [rest]
    assert sum(map(len, full)) == MAX_BATCH_BYTES
    assert list(batches(full + full + [b"z"])) == [full, full, [b"z"]]
    assert list(batches([large, b"z", large])) == [[large, b"z", large]]
    too_large = large + b"x"
    assert list(batches([b"z", too_large, b"z"])) == [[b"z"], [too_large], [b"z"]]
    many = [b"z"] * MAX_BATCH_RECORDS
    assert list(batches([*many, b"z"])) == [many, [b"z"]]


@given(st.lists(st.integers(1, MAX_RECORD_BYTES + 10), max_size=40), st.integers(0, 1200))
def test_batches_keep_order_and_limits(sizes: list[int], small: int) -> None:
    lines = [b"x" * size for size in sizes] + [b"y"] * small
    cut = list(batches(lines))
    assert [line for batch in cut for line in batch] == lines
    for batch in cut:
        assert len(batch) <= MAX_BATCH_RECORDS
        assert sum(map(len, batch)) <= MAX_BATCH_BYTES
        assert len(batch) == 1 or max(map(len, batch)) <= MAX_RECORD_BYTES
