"""Delivery takes every record somewhere or says that it could not.

Firehose refuses here through a stand-in client: LocalStack's never refuses a record.
"""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
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
    join_lines,
)
from evergreen.capture.lines import to_lines
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


def _line(size: int) -> bytes:
    """Return a JSON line of so many bytes, the newline included."""
    return to_lines(["x" * (size - 3)])


SMALL = to_lines([{"row": number} for number in range(5)])
LARGE = [to_lines([{"row": number, "x": "x" * (MAX_RECORD_BYTES // 2)}]) for number in range(5)]
"""Lines of which no two fit into one Firehose record."""


def test_the_rows_of_a_request_travel_in_one_record() -> None:
    firehose, shelf = ReluctantFirehose([]), Shelf()
    spilled = _delivery(firehose, shelf).deliver(SMALL)
    assert spilled == 0
    assert firehose.taken == [SMALL]
    assert firehose.calls == 1
    assert not shelf.objects


def test_nothing_to_deliver_calls_nobody() -> None:
    firehose, shelf = ReluctantFirehose([_down()]), Shelf(broken=True)
    spilled = _delivery(firehose, shelf).deliver(b"")
    assert (spilled, firehose.calls) == (0, 0)


def test_only_the_refused_are_sent_again() -> None:
    firehose, shelf = ReluctantFirehose([{1, 3}, {0}, set()]), Shelf()
    spilled = _delivery(firehose, shelf).deliver(b"".join(LARGE))
    assert spilled == 0
    assert sorted(firehose.taken) == sorted(LARGE)


@pytest.mark.parametrize("refuse", [[{0}], [_down()]])
def test_what_firehose_never_takes_goes_to_s3_below_its_own_prefix(refuse: list[Any]) -> None:
    firehose, shelf = ReluctantFirehose(refuse), Shelf()
    spilled = _delivery(firehose, shelf).deliver(SMALL)
    assert firehose.calls == ATTEMPTS
    assert spilled == 5
    [(key, body)] = shelf.objects.items()
    assert key.startswith("request-log/raw/model=m/2026/05/04/12/spill-")
    assert body == SMALL


def test_what_firehose_took_is_not_spilled() -> None:
    firehose, shelf = ReluctantFirehose([{1, 3}, {0, 1}]), Shelf()
    spilled = _delivery(firehose, shelf).deliver(b"".join(LARGE))
    assert spilled == 2
    assert firehose.taken == [LARGE[0], LARGE[2], LARGE[4]]
    assert list(shelf.objects.values()) == [LARGE[1] + LARGE[3]]


def test_nowhere_to_go_is_an_error() -> None:
    with pytest.raises(LogDeliveryError, match="neither Firehose nor S3 took 5 records") as caught:
        _delivery(ReluctantFirehose([_down()]), Shelf(broken=True)).deliver(SMALL)
    assert caught.value.where == "stream"


def test_an_answer_about_fewer_records_is_not_taken_for_success() -> None:
    class Forgetful(ReluctantFirehose):
        def put_record_batch(self, **asked: Any) -> Any:
            answer = super().put_record_batch(**asked)
            return {**answer, "RequestResponses": answer["RequestResponses"][:-1]}

    with pytest.raises(ValueError, match="shorter"):
        _delivery(Forgetful([{0}, set()]), Shelf()).deliver(b"".join(LARGE))


def test_the_pause_before_a_retry_doubles_and_is_spread() -> None:
    pauses: list[float] = []
    for _ in range(300):
        _delivery(ReluctantFirehose([_down()]), Shelf(), pauses.append).deliver(SMALL)
    for number, usual in enumerate((FIRST_PAUSE_SECONDS, 2 * FIRST_PAUSE_SECONDS)):
        shares = [pause / usual for pause in pauses[number :: ATTEMPTS - 1]]
        assert len(shares) == 300
        # That 300 pauses all miss an end of their range has a chance below 1e-12.
        assert 0.5 <= min(shares) < 0.6
        assert 1.4 < max(shares) <= 1.5


def test_a_line_too_large_for_firehose_is_spilled_alone() -> None:
    firehose, shelf = ReluctantFirehose([]), Shelf()
    first, large, last = to_lines([1]), _line(MAX_RECORD_BYTES + 1), to_lines([2])
    spilled = _delivery(firehose, shelf).deliver(first + large + last)
    assert spilled == 1
    assert firehose.taken == [first, last]
    assert list(shelf.objects.values()) == [large]


def test_a_line_as_large_as_firehose_takes_is_not_spilled() -> None:
    firehose, shelf = ReluctantFirehose([]), Shelf()
    largest = _line(MAX_RECORD_BYTES)
    assert _delivery(firehose, shelf).deliver(largest) == 0
    assert firehose.taken == [largest]


def test_a_record_is_filled_up_to_the_limit_and_not_beyond() -> None:
    half = _line(MAX_RECORD_BYTES // 2)
    assert list(join_lines(half + half + half)) == [half + half, half]
    more = _line(MAX_RECORD_BYTES // 2 + 1)
    assert list(join_lines(half + more)) == [half, more]


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


@given(st.lists(st.integers(3, MAX_RECORD_BYTES + 10), max_size=12), st.integers(0, 1200))
def test_records_are_whole_lines_in_order_and_as_few_as_fit(sizes: list[int], small: int) -> None:
    cut_lines = [*map(_line, sizes), *[b"1\n"] * small]
    records = list(join_lines(b"".join(cut_lines)))
    assert b"".join(records) == b"".join(cut_lines)
    for record in records:
        assert record.endswith(b"\n")
        assert len(record) <= MAX_RECORD_BYTES or record.count(b"\n") == 1
    for record, following in pairwise(records):
        first = following[: following.index(b"\n") + 1]
        assert len(record) + len(first) > MAX_RECORD_BYTES
