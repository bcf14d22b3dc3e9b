"""Server of the AWS Lambda Runtime API for one function process.

Paths and headers: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from socketserver import ThreadingTCPServer
from typing import Literal, cast

_PREFIX = "/2018-06-01/runtime"


@dataclass(frozen=True)
class Event:
    """One invocation that waits for the function."""

    request_id: str
    arn: str
    trace_id: str
    deadline_ms: int
    payload: bytes


@dataclass(frozen=True)
class Message:
    """A message of the function's process: it is ready, or its initialisation or call has ended."""

    kind: Literal["ready", "response", "error", "init_error"]
    body: bytes = b""


class RuntimeApi(ThreadingTCPServer):
    """Serves the Runtime API for one process on a free port of 127.0.0.1, until it is closed."""

    daemon_threads = True
    # ThreadingHTTPServer looks up this host's name in DNS at every start; this class does not.

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.messages: SimpleQueue[Message] = SimpleQueue()
        self._events: SimpleQueue[Event | None] = SimpleQueue()
        self._ready = threading.Event()
        threading.Thread(target=self.serve_forever, name="lambda-runtime-api", daemon=True).start()

    @property
    def address(self) -> str:
        """Value of ``AWS_LAMBDA_RUNTIME_API``."""
        return f"127.0.0.1:{self.server_address[1]}"

    def send(self, event: Event) -> None:
        """Pass an event to the process, which waits for it in ``next``."""
        self._events.put(event)

    def next_event(self) -> Event | None:
        """Wait for the next event; None if the process is being stopped."""
        if not self._ready.is_set():
            self._ready.set()
            self.messages.put(Message("ready"))
        return self._events.get()

    def close(self) -> None:
        """Stop serving, without waiting for ``shutdown``, which takes one poll of its loop."""
        self._events.put(None)
        threading.Thread(target=self._shut_down, daemon=True).start()

    def _shut_down(self) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One buffered write per response, without Nagle's algorithm: two small writes would wait 40 ms
    # for a delayed ACK.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(HTTPStatus.NOT_FOUND)
            return
        event = cast("RuntimeApi", self.server).next_event()
        if event is None:
            self.close_connection = True
            return
        self._answer(
            HTTPStatus.OK,
            event.payload,
            {
                "Lambda-Runtime-Aws-Request-Id": event.request_id,
                "Lambda-Runtime-Deadline-Ms": str(event.deadline_ms),
                "Lambda-Runtime-Invoked-Function-Arn": event.arn,
                "Lambda-Runtime-Trace-Id": event.trace_id,
            },
        )

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        messages = cast("RuntimeApi", self.server).messages
        match self.path.removeprefix(_PREFIX).strip("/").split("/"):
            case ["invocation", _, "response"]:
                messages.put(Message("response", body))
            case ["invocation", _, "error"]:
                messages.put(Message("error", body))
            case ["init", "error"]:
                messages.put(Message("init_error", body))
            case _:
                self._answer(HTTPStatus.NOT_FOUND)
                return
        self._answer(HTTPStatus.ACCEPTED, b'{"status": "OK"}')

    def _answer(
        self, status: HTTPStatus, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Log nothing, because a line per poll would fill LocalStack's log."""
