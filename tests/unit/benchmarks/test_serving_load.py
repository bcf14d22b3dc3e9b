"""The benchmark's caller over HTTP counts the answers that it got, and refuses all but a 200."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.benchmarks.serving.http import predictions_of
from tests.benchmarks.serving.load import Load, call, request_bytes
from tests.benchmarks.serving.models import rows
from tests.benchmarks.serving.servers import DOORS, body
from tests.support.served_over_http import served

if TYPE_CHECKING:
    from collections.abc import Iterator


class Echo:
    """An application that answers the length of each body, or a 500 to a body of its choice."""

    def __init__(self) -> None:
        self.answered = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        length, more = 0, True
        while more:
            message = await receive()
            length += len(message["body"])
            more = message["more_body"]
        self.answered += 1
        text = json.dumps({"predictions": [length]}).encode()
        head = [(b"content-length", str(len(text)).encode())]
        status = 500 if length == 13 else 200
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": text})


@pytest.fixture(scope="module")
def echo() -> Iterator[tuple[Echo, int]]:
    app = Echo()
    with served(app) as port:
        yield app, port


def test_it_counts_what_was_answered(echo: tuple[Echo, int]) -> None:
    app, port = echo
    before = app.answered
    found = call(port, request_bytes(port, "/", b"a" * 200_000), 3, 0.2)
    assert len(found.seconds) == app.answered - before > 2
    assert found.rates == [found.requests_per_second]
    assert 0 < found.p99_ms <= max(found.seconds) * 1000


def test_another_answer_than_200_is_an_error(echo: tuple[Echo, int]) -> None:
    with pytest.raises(RuntimeError, match="did not answer") as raised:
        call(echo[1], request_bytes(echo[1], "/", b"a" * 13), 1, 0.2)
    assert "500" in str(raised.value.__cause__)


def test_the_rate_is_that_of_the_median_turn_and_the_99th_percentile_of_all() -> None:
    load = Load([0.001] * 50, [50.0])
    load.add(Load([0.001] * 47 + [0.5] * 3, [20.0]))
    load.add(Load([0.001] * 50, [51.0]))
    assert load.requests_per_second == 50
    assert load.p99_ms == 500


def test_each_door_gets_the_same_rows() -> None:
    [row] = rows(1)
    for door in DOORS:
        content = json.loads(body(door, [row]))
        if door.form == "tensors":
            assert {each["name"]: each["data"][0] for each in content["inputs"]} == row
        else:
            assert [*content.values()] == [[row]]
    assert predictions_of(b'{"outputs": [{"name": "predictions", "data": ["a"]}]}') == ["a"]
    assert predictions_of(b'{"predictions": [1]}') == [1]
