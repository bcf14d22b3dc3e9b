"""A proxy between a function and its AWS emulator that fails calls on purpose.

Neither LocalStack nor moto refuses a record. The proxy refuses some calls of Firehose and some
writes to S3 as AWS may, and passes everything else on unchanged.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PUT_BATCH = "Firehose_20150804.PutRecordBatch"


@dataclass(frozen=True)
class Faults:
    """The share of calls that fail, by kind.

    Parameters
    ----------
    throttled
        Firehose refuses the call.
    partial
        Firehose answers 200, and says that it did not take some of the records.
    unanswered
        Firehose takes the records and then answers with an error.
    refused
        S3 refuses to store an object.
    """

    throttled: float = 0.15
    partial: float = 0.15
    unanswered: float = 0.07
    refused: float = 0.3


class FaultyProxy(ThreadingHTTPServer):
    """Listens on loopback; ``count`` says how often each fault happened."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, endpoint: str, faults: Faults, seed: int) -> None:
        super().__init__(("127.0.0.1", 0), _Call)
        address = urlsplit(endpoint)
        self.address = (address.hostname or "", address.port or 80)
        self.faults = faults
        self.count: Counter[str] = Counter()
        self.dice = random.Random(seed)
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def happens(self, **shares: float) -> str | None:
        """Choose at most one of the faults, and count it."""
        with self._lock:
            drawn = self.dice.random()
            for name, share in shares.items():
                if drawn < share:
                    self.count[name] += 1
                    return name
                drawn -= share
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: callers that are killed leave broken connections."""


class _Call(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyProxy

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        faults = self.server.faults
        if self.headers.get("X-Amz-Target") == PUT_BATCH:
            self._put_batch(body, faults)
        elif self.command == "PUT" and self.server.happens(refused=faults.refused):
            self._answer(503, b"<Error><Code>SlowDown</Code><Message>slow</Message></Error>")
        else:
            self._answer(*self._forward(body))

    def _put_batch(self, body: bytes, faults: Faults) -> None:
        fault = self.server.happens(
            throttled=faults.throttled, partial=faults.partial, unanswered=faults.unanswered
        )
        if fault == "partial":
            self._answer(200, self._put_some(json.loads(body)))
            return
        answer = (0, b"") if fault == "throttled" else self._forward(body)
        if fault:
            self._answer(500, b'{"__type":"ServiceUnavailableException","message":"slow down"}')
        else:
            self._answer(*answer)

    def _put_some(self, call: dict[str, Any]) -> bytes:
        """Pass on some of the records, and answer as Firehose does about all of them."""
        records = call["Records"]
        refused = set(self.server.dice.sample(range(len(records)), -(-len(records) // 2)))
        taken = [record for number, record in enumerate(records) if number not in refused]
        if taken:
            status, _ = self._forward(json.dumps({**call, "Records": taken}).encode())
            assert status == 200
        responses = [
            {"ErrorCode": "ServiceUnavailableException", "ErrorMessage": "slow down"}
            if number in refused
            else {"RecordId": str(number)}
            for number in range(len(records))
        ]
        answer = {"FailedPutCount": len(refused), "RequestResponses": responses}
        return json.dumps(answer).encode()

    def _forward(self, body: bytes) -> tuple[int, bytes]:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in {"expect", "content-length", "connection"}
        }
        connection = http.client.HTTPConnection(*self.server.address, timeout=60)
        try:
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        self._passed = [
            (name, value)
            for name, value in answer.getheaders()
            if name.lower() not in {"content-length", "connection", "transfer-encoding", "date"}
        ]
        return answer.status, content

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        for name, value in getattr(self, "_passed", []):
            self.send_header(name, value)
        self._passed = []
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_POST = _handle  # noqa: N815 - the names that the server looks for

    def log_message(self, *_: Any) -> None:
        """Do not log to the console."""


@contextmanager
def faulty_proxy(endpoint: str, faults: Faults, seed: int = 0) -> Iterator[FaultyProxy]:
    """Run a proxy for the endpoint as long as the block."""
    with FaultyProxy(endpoint, faults, seed) as proxy:
        threading.Thread(target=proxy.serve_forever, daemon=True).start()
        try:
            yield proxy
        finally:
            proxy.shutdown()
