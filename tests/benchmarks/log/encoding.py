"""What a row of the request log costs before the answer: to encode it and to hand it to Firehose.

`python -m tests.benchmarks.log.encoding` prints the table of decision 12, of three forms of the
lines. The socket to AWS is replaced: botocore serialises and signs, and nothing is sent.
"""

from __future__ import annotations

import json
import random
import time
import timeit
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore.session
import msgspec
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from pydantic_core import from_json

from evergreen.capture.batch_encoding import encode_batches_quickly
from evergreen.capture.delivery import batches, join_lines
from evergreen.capture.lines import to_lines
from evergreen.capture.request_log import LoggedRow, RequestLogWriter
from evergreen.clock import to_text
from tests.benchmarks.log.sample import CATEGORIES, DEFINITION, NUMBERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_WRITER = RequestLogWriter(DEFINITION)
_KNOWN: dict[str, Any] = {
    "timestamp": datetime(2026, 5, 4, 12, 30, 15, 123_456, tzinfo=UTC),
    "request_id": "5b0ab0b2-6f39-4b43-9f0d-0a9c2c5f7f55",
    "model_version": "3",
}
_BILLED = 5 * 1024
"""Firehose bills each record rounded up to the next 5 KB (aws.amazon.com/firehose/pricing)."""
_ROUNDS = 40
_PASSES = 5


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of one request, with made-up values and answers.

    ``rows`` are the same values as objects, as the service has them when it has read a body.
    ``metadata`` is what the service writes about each request.
    """

    written: dict[str, list[Any]]
    rows: list[msgspec.Struct]
    outputs: list[bool]
    confidences: list[float]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FormCost:
    """What one form of the lines costs, per row of a request of ``rows`` rows.

    Parameters
    ----------
    encode_us, put_us, parse_us
        Microseconds of CPU to encode a row, to hand it to botocore, and to parse it again.
    bytes
        Length of its share of the lines.
    billed
        Bytes that Firehose bills for it.
    calls
        Calls of PutRecordBatch for 1,000 rows.
    """

    form: str
    rows: int
    encode_us: float
    put_us: float
    parse_us: float
    bytes: float
    billed: float
    calls: float


def measure_encoding(rows: int) -> FormCost:
    """Measure the request log as it is, with requests of so many rows."""
    return _measure("rows, joined", rows)


def measure_least(rows: int) -> float:
    """Return the microseconds of CPU in which msgspec encodes one of so many finished records."""
    batch = _batch(rows)
    about = msgspec.Raw(msgspec.json.encode({**batch.metadata, "schema_version": 1}))
    model, task = (
        msgspec.Raw(msgspec.json.encode(each)) for each in (DEFINITION.name, DEFINITION.task)
    )
    records = [
        LoggedRow(
            **_KNOWN,
            row=number,
            model=model,
            task_type=task,
            input_data=row,
            model_output=output,
            confidence=confidence,
            metadata=about,
        )
        for number, (row, output, confidence) in enumerate(
            zip(batch.rows, batch.outputs, batch.confidences, strict=True)
        )
    ]
    return min(_seconds(lambda: to_lines(records)) for _ in range(_PASSES)) / rows * 1e6


def measure_forms(sizes: Sequence[int] = (1, 100, 1000)) -> list[FormCost]:
    """Measure each form with requests of each size."""
    return [_measure(form, rows) for rows in sizes for form in _FORMS]


def _measure(form: str, rows: int) -> FormCost:
    chosen = _FORMS[form]
    client, batch = _client(quick=chosen.quick), _batch(rows)
    lines = chosen.encode(batch)

    def put() -> None:
        for each in batches(chosen.cut(lines)):
            data = [{"Data": record} for record in each]
            client.put_record_batch(DeliveryStreamName="requests", Records=data)

    # Other work on the machine slows a measurement for seconds, so there are several.
    encoding = [_seconds(lambda: chosen.encode(batch)) for _ in range(_PASSES)]
    sent = list(batches(chosen.cut(lines)))
    records = [record for each in sent for record in each]
    return FormCost(
        form=form,
        rows=rows,
        encode_us=min(encoding) / rows * 1e6,
        put_us=_seconds(put) / rows * 1e6,
        parse_us=_seconds(lambda: [from_json(line) for line in lines.splitlines()]) / rows * 1e6,
        bytes=len(lines) / rows,
        billed=sum(-(-len(record) // _BILLED) * _BILLED for record in records) / rows,
        calls=len(sent) * 1000 / rows,
    )


def _batch(rows: int) -> Batch:
    chance = random.Random(1)
    numbers = {name: [round(chance.gauss(100, 30), 3) for _ in range(rows)] for name in NUMBERS}
    words = {
        name: [chance.choice(("alpha", "beta", "gamma", "delta")) for _ in range(rows)]
        for name in CATEGORIES
    }
    outputs = [chance.random() < 0.3 for _ in range(rows)]
    written = numbers | words
    sent = msgspec.defstruct("Sent", [(name, Any) for name in written], gc=False)
    objects = [sent(*values) for values in zip(*written.values(), strict=True)]
    metadata = {
        "source_ip": "192.0.2.1",
        "user_agent": "python-requests/2.32",
        "batch_size": rows,
        "role": "champion",
        "inference_ms": 0.215,
    }
    return Batch(written, objects, outputs, [chance.random() for _ in range(rows)], metadata)


def _by_row(batch: Batch) -> bytes:
    return _WRITER.lines(
        timestamp=_KNOWN["timestamp"],
        request_id=_KNOWN["request_id"],
        model_version=_KNOWN["model_version"],
        written=batch.written,
        rows=batch.rows,
        outputs=batch.outputs,
        confidences=batch.confidences,
        metadata=batch.metadata,
    )


def _by_row_with_dictionaries(batch: Batch) -> bytes:
    """Encode as before msgspec: a dictionary and a call of json for each row."""
    names = list(batch.written)
    about = {**batch.metadata, "schema_version": 1}
    records = (
        {
            "timestamp": to_text(_KNOWN["timestamp"]),
            "request_id": _KNOWN["request_id"],
            "row": number,
            "model": DEFINITION.name,
            "model_version": _KNOWN["model_version"],
            "task_type": DEFINITION.task,
            "input_data": dict(zip(names, values, strict=True)),
            "model_output": output,
            "confidence": confidence,
            "metadata": about,
        }
        for number, (values, output, confidence) in enumerate(
            zip(
                zip(*batch.written.values(), strict=True),
                batch.outputs,
                batch.confidences,
                strict=True,
            )
        )
    )
    return b"".join(
        json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        for record in records
    )


def _by_column(batch: Batch) -> bytes:
    """Encode all rows as one line, which names each feature once."""
    record = {
        "timestamp": to_text(_KNOWN["timestamp"]),
        "request_id": _KNOWN["request_id"],
        "model": DEFINITION.name,
        "model_version": _KNOWN["model_version"],
        "task_type": DEFINITION.task,
        "input_data": batch.written,
        "model_output": batch.outputs,
        "confidence": batch.confidences,
        "metadata": {**batch.metadata, "schema_version": 1},
    }
    return msgspec.json.encode(record) + b"\n"


def _one_record_a_line(lines: bytes) -> list[bytes]:
    return lines.splitlines(keepends=True)


@dataclass(frozen=True, slots=True)
class _Form:
    encode: Callable[[Batch], bytes]
    cut: Callable[[bytes], Iterable[bytes]]
    quick: bool = True


_FORMS = {
    "rows, a record each": _Form(_by_row_with_dictionaries, _one_record_a_line, quick=False),
    "rows, joined": _Form(_by_row, join_lines),
    "columns": _Form(_by_column, join_lines),
}


@cache
def _client(*, quick: bool) -> Any:
    session = botocore.session.get_session()
    session.set_credentials("test", "test")
    client: Any = session.create_client("firehose", region_name="eu-central-1")
    body = b'{"FailedPutCount":0,"RequestResponses":[]}'

    def answer(request: Any, **_: object) -> Any:
        response: Any = AWSResponse(request.url, 200, HTTPHeaders(), None)
        response._content = body  # the attribute in which botocore keeps a body that it has read
        return response

    client.meta.events.register("before-send", answer)
    if quick:
        encode_batches_quickly(client)
    return client


def _seconds(run: Callable[[], object]) -> float:
    """Return the CPU time of one call: the least of many means, as other work slows most of them.

    The clock is read once for many calls: it takes a third of the time that a row does.
    """
    timer = timeit.Timer(run, timer=time.process_time)
    calls, _ = timer.autorange()
    calls = max(1, calls // 50)
    return min(timer.repeat(_ROUNDS, calls)) / calls


def main() -> None:
    """Print the table."""
    print("| rows a request | form | encode µs | put µs | parse µs | bytes | billed | calls |")
    print("|---|---|---|---|---|---|---|---|")
    for cost in measure_forms():
        print(
            f"| {cost.rows} | {cost.form} | {cost.encode_us:.1f} | {cost.put_us:.1f} | "
            f"{cost.parse_us:.1f} | {cost.bytes:,.0f} | {cost.billed:,.0f} | {cost.calls:,.0f} |"
        )


if __name__ == "__main__":
    main()
