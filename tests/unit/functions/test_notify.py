"""The webhook's address and answers, CloudWatch's alarms, and links.

The receivers are real, on loopback; how the deployed function behaves is tested with the stack.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.errors import EvergreenError
from functions.notify import webhook
from functions.notify.alarms import alarms_of
from functions.notify.settings import Settings
from functions.notify.webhook import LONGEST_ANSWER, WebhookError, check_address, post

if TYPE_CHECKING:
    from collections.abc import Iterator

ENVIRONMENT = {
    "EVERGREEN_BUCKET": "data",
    "EVERGREEN_ALERT_TOPIC": "arn:aws:sns:eu-central-1:1:alerts",
    "EVERGREEN_ALERT_WEBHOOK_PARAMETER": "/evergreen/dev/alerts/webhook",
    "AWS_REGION": "eu-central-1",
}


@contextmanager
def receiver(
    *statuses: int, answer: bytes = b"ok", **headers: str
) -> Iterator[tuple[str, list[Any]]]:
    """Run a receiver that answers with these statuses in turn, the last one from then on."""
    heard: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            heard.append((self.path, json.loads(body)))
            self.send_response(statuses[min(len(heard), len(statuses)) - 1])
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Leave the output of the tests alone."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook?token=1", heard
        finally:
            server.shutdown()
            thread.join()


def send(address: str, pauses: list[float]) -> None:
    parts = check_address(address, http_allowed=True)
    post(parts, {"text": "é"}, pauses=(1.0, 4.0), sleep=pauses.append)


@pytest.mark.parametrize(
    ("statuses", "attempts"), [([200], 1), ([500, 204], 2), ([429, 503, 200], 3)]
)
def test_a_receiver_that_recovers_gets_it(statuses: list[int], attempts: int) -> None:
    pauses: list[float] = []
    with receiver(*statuses) as (address, heard):
        send(address, pauses)
    assert heard == [("/hook?token=1", {"text": "é"})] * attempts
    assert pauses == [1.0, 4.0][: attempts - 1]


@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (404, 1), (400, 1)])
def test_a_receiver_that_does_not_is_an_error_with_its_answer(status: int, attempts: int) -> None:
    with (
        receiver(status, answer=b"no_service" + b"x" * 100_000) as (address, heard),
        pytest.raises(WebhookError, match=rf"answered {status}: no_service") as caught,
    ):
        send(address, [])
    assert len(heard) == attempts
    assert len(str(caught.value)) < LONGEST_ANSWER


def test_a_redirect_is_not_followed() -> None:
    with (
        receiver(200) as (elsewhere, never),
        receiver(307, location=elsewhere) as (address, heard),
        pytest.raises(WebhookError, match="answered 307"),
    ):
        send(address, [])
    assert (len(heard), never) == (1, [])


def test_a_receiver_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(WebhookError, match="no answer: TimeoutError"):
            send(f"http://127.0.0.1:{port}/", [])


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://example.com/hook",
        "ftp://example.com/hook",
        "https:///hook",
        "https://user:password@example.com/hook",
        "https://example.com/ho ok",
        "https://example.com/hook\x7f",
        "https://example.com/höök",
        "https://[hook/",
        "https://example.com:99999/hook",
        "example.com",
    ],
)
def test_an_address_that_is_none_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(EvergreenError, match="must begin with https://") as caught:
        check_address(address, http_allowed=False)
    assert "hook" not in str(caught.value).replace("webhook", "")


def test_plain_http_is_for_the_emulator() -> None:
    assert check_address("http://127.0.0.1:1/", http_allowed=True).port == 1
    assert check_address("https://hooks.example.com/a", http_allowed=False).path == "/a"


def alarm(new: str, old: str) -> dict[str, Any]:
    message = {
        "AlarmName": "evergreen-dev-DriftDeadLetters",
        "AlarmDescription": "Read it there.",
        "NewStateValue": new,
        "OldStateValue": old,
        "NewStateReason": "Threshold Crossed",
        "StateChangeTime": f"2026-03-01T12:0{len(new)}:00.000+0000",
    }
    return {"Records": [{"Sns": {"Message": json.dumps(message)}}]}


def test_an_alarm_says_what_to_do() -> None:
    (alert,) = alarms_of(alarm("ALARM", "OK"))
    assert (alert.severity, alert.title) == ("critical", "evergreen-dev-DriftDeadLetters: alarm")
    assert alert.todo == "Read it there."
    (over,) = alarms_of(alarm("OK", "ALARM"))
    assert (over.severity, over.title) == (
        "info",
        "evergreen-dev-DriftDeadLetters: alarm is over",
    )
    assert over.id != alert.id


@pytest.mark.parametrize(("new", "old"), [("OK", "INSUFFICIENT_DATA"), ("INSUFFICIENT_DATA", "OK")])
def test_an_alarm_that_never_began_is_no_news(new: str, old: str) -> None:
    assert list(alarms_of(alarm(new, old))) == []


def test_a_link_asks_who_you_are_and_on_the_emulator_just_works() -> None:
    key = "drift/reports/m/c1.html"
    assert Settings.model_validate(ENVIRONMENT).link(key) == (
        "https://eu-central-1.console.aws.amazon.com/s3/object/data"
        "?region=eu-central-1&prefix=drift/reports/m/c1.html"
    )
    local = Settings.model_validate(ENVIRONMENT | {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566/"})
    assert local.link(key) == "http://127.0.0.1:4566/data/drift/reports/m/c1.html"
