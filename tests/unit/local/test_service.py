"""Health checks against a real HTTP server."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from local.ports import pick
from local.service import answers, is_http_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 500)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_success_is_healthy_and_an_error_is_not(url: str) -> None:
    assert answers(f"{url}/health")
    assert not answers(f"{url}/other")


def test_any_answer_shows_a_server(url: str) -> None:
    assert is_http_server(f"{url}/other")


def test_proxy_of_the_user_is_not_asked(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{pick(None)}")
    assert answers(f"{url}/health")


@pytest.mark.parametrize("check", [answers, is_http_server])
def test_nobody_there_is_no(check: Callable[[str], bool]) -> None:
    assert not check(f"http://127.0.0.1:{pick(None)}")


def test_nonsense_is_no_server() -> None:
    assert not is_http_server("nonsense")
