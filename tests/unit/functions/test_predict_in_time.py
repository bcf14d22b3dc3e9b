"""The prediction function while AWS hangs: it answers before API Gateway gives up.

A real server takes every request and never answers. The clients give up after milliseconds; on the
clock of the deadline each attempt takes as long as it may in a deployment.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.aws import ONCE, QUICK, Deadline, Patience, create_client
from functions.predict import service as wiring
from functions.predict.handler import handler
from functions.predict.settings import settings
from functions.shared import clients
from tests.support.gateway_events import Context, event
from tests.support.hanging_server import HangingServer
from tests.support.trained_models import ROW, TOML, promote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

API_SECONDS = 29
"""What API Gateway waits, and what the function is given."""
LAST_PAUSE = 1.0


class Calls:
    """The clients that the function makes, with short waits, and the time that they would take."""

    def __init__(self) -> None:
        self.now = 0.0
        self.attempts: Counter[str] = Counter()
        self.healthy: dict[str, Any] = {}

    def client(self, service: str, patience: Patience = QUICK, reserve: float = 0.0) -> Any:
        if service in self.healthy:
            return self.healthy[service]
        made = create_client(service, replace(patience, connect=2, read=0.05))
        clients.deadline.guard(made, patience, reserve)

        def pass_time(**_: object) -> None:
            self.attempts[service] += 1
            # The pause before a retry, too, is as long as it may be.
            self.now += patience.attempt_seconds + LAST_PAUSE * (patience.attempts > 1)

        made.meta.events.register_last("before-send", pass_time)
        return made


@pytest.fixture
def calls(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    calls, server = Calls(), HangingServer()
    folder = tmp_path / "late_bus"
    folder.mkdir()
    (folder / "model.toml").write_text(TOML)
    for name, value in {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODEL": "late_bus",
        "EVERGREEN_REQUEST_STREAM": "requests",
        "EVERGREEN_LABEL_STREAM": "labels",
        "EVERGREEN_VERSION": "0",
        "EVERGREEN_MODELS": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "deadline", Deadline(lambda: calls.now))
    monkeypatch.setattr(clients, "aws_client", calls.client)
    forget()
    yield calls
    forget()
    server.close()


def forget() -> None:
    for cached in (settings, wiring.service, wiring.recorder):
        cached.cache_clear()


def predict(rows: int = 1) -> tuple[int, str]:
    context: Any = Context(remaining_milliseconds=API_SECONDS * 1000)
    answer = handler(
        event("POST", "/models/late_bus/predict", {"instances": [ROW] * rows}), context
    )
    return answer["statusCode"], json.loads(answer["body"]).get("detail", "")


def serving(aws: Account, calls: Calls, *services: str) -> None:
    """Let a version be in production, and these services answer."""
    aws.create_stream("requests")
    promote(aws.storage(), aws.production(), "1")
    calls.healthy = {service: aws.client(service) for service in services}


def test_a_cold_function_whose_pointer_cannot_be_read_says_so(calls: Calls) -> None:
    status, detail = predict()
    assert (status, "the production pointer cannot be read" in detail) == (503, True)
    assert calls.attempts == {"ssm": QUICK.attempts}
    assert calls.now < API_SECONDS


def test_a_cold_function_whose_bundle_cannot_be_read_says_so(aws: Account, calls: Calls) -> None:
    serving(aws, calls, "ssm")
    status, detail = predict()
    assert (status, "did not load" in detail) == (503, True)
    assert calls.attempts == {"s3": QUICK.attempts}
    assert calls.now < API_SECONDS


def test_rows_that_firehose_does_not_take_are_in_s3_before_the_answer(
    aws: Account, calls: Calls
) -> None:
    serving(aws, calls, "ssm", "s3")
    assert predict()[0] == 200
    (spilled,) = aws.storage().list("request-log/")
    assert "/spill-" in spilled.key
    assert calls.attempts == {"firehose": 3}
    # Room is left for the attempt to spill.
    assert calls.now + QUICK.attempt_seconds < API_SECONDS - clients.ANSWERING_SECONDS


@pytest.mark.parametrize("rows", [1, 1200])
def test_rows_that_nothing_takes_are_refused_in_time(aws: Account, calls: Calls, rows: int) -> None:
    serving(aws, calls, "ssm", "s3", "firehose")
    assert predict()[0] == 200
    serve = wiring.service()
    calls.healthy = {}
    wiring.service.cache_clear()
    hanging = wiring.service()
    # The model stays loaded, and from here on everything hangs: the pointer, the stream, the spill.
    hanging.server._champion = serve.server._champion
    status, detail = predict(rows)
    assert (status, "neither Firehose nor S3" in detail) == (503, True)
    assert calls.attempts["ssm"] == QUICK.attempts
    assert calls.attempts["firehose"] >= 1
    assert calls.attempts["s3"] >= 1
    assert calls.now < API_SECONDS


def test_the_limits_fit_the_api() -> None:
    # An attempt ends by the deadline; then comes at most one pause, and the answer.
    assert LAST_PAUSE < clients.ANSWERING_SECONDS < API_SECONDS
    room = API_SECONDS - clients.ANSWERING_SECONDS
    # A pointer that hangs leaves time to deliver: one attempt at the stream, one at the bucket.
    assert QUICK.call_seconds + ONCE.attempt_seconds + QUICK.attempt_seconds <= room
