"""A body of any length is held up to the limit only."""

from __future__ import annotations

import asyncio
import tracemalloc

import pytest
from fastapi import Request

from evergreen.errors import RequestError
from evergreen.serving.bodies import MAX_BYTES
from functions.predict.intake import unpacked_body


def request_of(parts: list[int]) -> Request:
    """Return a request whose body comes in parts of so many bytes, made as they are asked for."""
    left = iter(parts)

    async def receive() -> dict[str, object]:
        size = next(left, None)
        return {"type": "http.request", "body": bytes(size or 0), "more_body": size is not None}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


def test_a_body_that_is_too_long_is_not_kept() -> None:
    tracemalloc.start()
    with pytest.raises(RequestError) as refused:
        asyncio.run(unpacked_body(request_of([1024 * 1024] * 60)))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert refused.value.status == 413
    assert "62914560 bytes" in refused.value.what
    assert most < 2 * MAX_BYTES


def test_parts_are_joined_up_to_the_limit() -> None:
    assert len(asyncio.run(unpacked_body(request_of([1, 2, MAX_BYTES - 3])))) == MAX_BYTES
