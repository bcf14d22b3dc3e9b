"""A function that runs as often as it may is waited for; a call that did not start is repeated."""

from __future__ import annotations

import io
from typing import Any

import pytest

from cli.shared import invocation
from cli.shared.invocation import FunctionError, call


class ThrottledError(Exception):
    """What botocore raises for a call beyond the reserved concurrency."""


class Lambda:
    """A deployment whose function is busy for the first calls."""

    def __init__(self, busy: int) -> None:
        self.busy = busy
        self.calls = 0
        self.exceptions = self
        self.TooManyRequestsException = ThrottledError

    def output(self, name: str) -> str:
        return name

    def client(self, *_: Any) -> Any:
        return self

    def invoke(self, **_: Any) -> dict[str, Any]:
        self.calls += 1
        if self.calls <= self.busy:
            raise ThrottledError
        return {"Payload": io.BytesIO(b'{"done": true}')}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_THROTTLED_PAUSE_SECONDS", 0)


def test_it_waits_until_the_function_takes_the_call() -> None:
    busy: Any = Lambda(2)
    assert call(busy, "Check", {}) == {"done": True}
    assert busy.calls == 3


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "_THROTTLED_SECONDS", -1)
    busy: Any = Lambda(2)
    with pytest.raises(FunctionError, match="as often as it may"):
        call(busy, "Check", {})
