"""A webhook receiver: a real HTTP server on loopback."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Receiver:
    """Answers 200, or ``status``, and keeps the requests that it received.

    While ``hold`` is cleared, it does not answer.
    """

    def __init__(self) -> None:
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        self.heard: list[dict[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever)

    @property
    def address(self) -> str:
        """Its URL, with a secret as in real webhook addresses."""
        return f"http://127.0.0.1:{self._server.server_port}/services/secret"

    def titles(self) -> list[str]:
        """Return the first line of every message that it received."""
        return [body["blocks"][0]["text"]["text"] for body in list(self.heard)]

    def wait_for(self, *wanted: str, seconds: float = 90) -> list[str]:
        """Wait until it has received every title in ``wanted``, and return all titles."""
        self.wait(lambda: set(wanted) <= set(self.titles()), seconds, f"{wanted}")
        return self.titles()

    def wait(self, done: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until ``done``."""
        until = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < until, f"not within {seconds} s: {what}; {self.titles()}"
            time.sleep(0.2)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.heard.append(json.loads(body))
                receiver.hold.wait(60)
                try:
                    self.send_response(receiver.status)
                    self.send_header("content-length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the client has given up

            def log_message(self, *_: object) -> None:
                """Log nothing, so that the output of the tests stays clean."""

        return Handler
