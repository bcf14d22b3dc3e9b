"""Clients against a real server that accepts and hangs: they end by themselves, in time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from evergreen.aws import LONG, ONCE, QUICK, Deadline, OutOfTimeError, Patience, create_client
from tests.support.hanging_server import HangingServer

if TYPE_CHECKING:
    from collections.abc import Iterator

SHORT = Patience(connect=2, read=0.05, attempts=3)
"""What the tests wait; what they count with are the limits of a deployment."""


class Clock:
    """A clock on which each attempt of a client takes as long as it may."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def hang(self, client: Any, patience: Patience) -> None:
        def pass_time(**_: object) -> None:
            self.now += patience.attempt_seconds

        client.meta.events.register_last("before-send", pass_time)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[HangingServer]:
    server = HangingServer()
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.close()


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_call_that_is_never_answered_ends_after_its_attempts(
    server: HangingServer, attempts: int
) -> None:
    ssm = create_client("ssm", replace(SHORT, attempts=attempts))
    with pytest.raises(ReadTimeoutError):
        ssm.get_parameter(Name="/evergreen/dev/m/production")
    assert server.received() == ["POST / HTTP/1.1"] * attempts


def test_where_nobody_listens_it_is_tried_as_often(
    server: HangingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.close()  # now its port is free
    tried: list[str] = []
    firehose = create_client("firehose", replace(SHORT, attempts=2))
    firehose.meta.events.register("before-send", lambda event_name, **_: tried.append(event_name))
    with pytest.raises(EndpointConnectionError):
        firehose.list_delivery_streams()
    assert tried == ["before-send.firehose.ListDeliveryStreams"] * 2


@pytest.mark.parametrize(
    ("patience", "seconds"), [(ONCE, 6), (QUICK, 13), (LONG, 340)], ids=["once", "quick", "long"]
)
@pytest.mark.usefixtures("server")
def test_the_documented_limits_are_those_of_the_client(patience: Patience, seconds: float) -> None:
    config = create_client("s3", patience).meta.config
    made = Patience(
        config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]
    )
    assert made == patience
    assert made.call_seconds == seconds


@given(st.floats(0.1, 100), st.floats(0.1, 100), st.integers(1, 10))
def test_one_more_attempt_takes_its_own_time_and_a_pause(
    connect: float, read: float, attempts: int
) -> None:
    fewer, more = Patience(connect, read, attempts), Patience(connect, read, attempts + 1)
    pause = more.call_seconds - fewer.call_seconds - fewer.attempt_seconds
    assert pause == pytest.approx(min(2 ** (attempts - 1), 20))


def test_no_attempt_begins_that_could_end_after_the_deadline(server: HangingServer) -> None:
    clock = Clock()
    deadline = Deadline(clock)
    client = create_client("ssm", SHORT)
    deadline.guard(client, QUICK)
    with deadline.within(5.5), pytest.raises(OutOfTimeError, match=r"ssm\.GetParameter: .* 6 s"):
        client.get_parameter(Name="a")
    assert server.received() == []


@pytest.mark.parametrize(("seconds", "attempts"), [(17.5, 1), (20, 2), (24, 3), (100, 3)])
def test_a_retry_counts_against_the_deadline_too(
    server: HangingServer, seconds: float, attempts: int
) -> None:
    clock = Clock()
    deadline = Deadline(clock)
    client = create_client("ssm", SHORT)
    deadline.guard(client, QUICK, reserve=6)
    clock.hang(client, QUICK)
    expected = ReadTimeoutError if attempts == SHORT.attempts else OutOfTimeError
    with deadline.within(seconds), pytest.raises(expected):
        client.get_parameter(Name="a")
    assert len(server.received()) == attempts
    assert clock.now - 1000 == 6 * attempts <= seconds - 6


def test_after_the_answer_nothing_is_held_back(server: HangingServer) -> None:
    deadline = Deadline()
    client = create_client("ssm", replace(SHORT, attempts=1))
    deadline.guard(client, LONG)
    with deadline.within(0):
        pass  # the invocation has no time left, and calls nothing
    with pytest.raises(ReadTimeoutError):
        client.get_parameter(Name="a")
    assert len(server.received()) == 1
