"""A head goes out with what follows it, and never waits for what does not come."""

from __future__ import annotations

import asyncio
from typing import Any

from functions.serve.whole_answers import JoinedWrites

HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"


class Recorded(asyncio.Transport):
    """What was written, call by call: the stream itself does not show where a call ended."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[Any] = []

    def write(self, data: Any) -> None:
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.calls.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.calls

    def pause_reading(self) -> None:
        self.calls.append("paused")


def calls_of(*steps: Any) -> list[Any]:
    """Return the calls that reach the transport; a step is bytes, a method, or None to wait."""

    async def run() -> list[Any]:
        transport = Recorded()
        joined = JoinedWrites(transport)
        for step in steps:
            if step is None:
                await asyncio.sleep(0)
            elif isinstance(step, bytes):
                joined.write(step)
            else:
                getattr(joined, step)()
        assert joined.is_closing() == ("closed" in transport.calls)
        return transport.calls

    return asyncio.run(run())


def test_a_head_is_written_with_the_body() -> None:
    assert calls_of(HEAD, b"body", None) == [HEAD + b"body"]
    assert calls_of(HEAD, b"some", b"more") == [HEAD + b"some", b"more"]
    assert calls_of(HEAD, b"body", HEAD, b"next") == [HEAD + b"body", HEAD + b"next"]


def test_a_head_without_a_body_does_not_wait() -> None:
    assert calls_of(HEAD, None) == [HEAD]
    assert calls_of(HEAD, b"") == [HEAD]
    assert calls_of(HEAD, "close") == [HEAD, "closed"]
    assert calls_of("close") == ["closed"]


def test_a_body_that_looks_like_a_head_arrives() -> None:
    assert calls_of(HEAD, HEAD, None) == [HEAD + HEAD]
    assert calls_of(HEAD, b"1", HEAD, None, b"2") == [HEAD + b"1", HEAD, b"2"]


def test_the_rest_is_the_transport_s_own() -> None:
    assert calls_of("pause_reading") == ["paused"]
