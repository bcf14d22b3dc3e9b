"""Calls a server over HTTP as often as it answers, from a given number of connections.

Each connection is a thread with a socket that stays open. It sends bytes that are ready and reads
the answer's length and no more, because the calls share the processor with the server.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from statistics import median, quantiles


@dataclass
class Load:
    """What came of the calls.

    Parameters
    ----------
    seconds
        The time of each answered call.
    rates
        The answers a second of each turn.
    """

    seconds: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)

    def add(self, other: Load) -> None:
        """Add the calls of another turn."""
        self.seconds += other.seconds
        self.rates += other.rates

    @property
    def requests_per_second(self) -> float:
        """Answers a second, in the median turn: in some of them the machine does other work."""
        return median(self.rates)

    @property
    def p99_ms(self) -> float:
        """The time within which 99 of 100 calls were answered, in milliseconds."""
        if len(self.seconds) == 1:
            return self.seconds[0] * 1000
        return quantiles(self.seconds, n=100, method="inclusive")[98] * 1000


def request_bytes(port: int, path: str, body: bytes) -> bytes:
    """Return a POST request of JSON as it goes over the wire."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def call(port: int, request: bytes, connections: int, seconds: float) -> Load:
    """Call for so many seconds from so many connections.

    Raises
    ------
    RuntimeError
        If an answer is not a 200.
    """
    found, failed = Load(), []
    started = time.perf_counter()

    def work() -> None:
        try:
            with socket.create_connection(("127.0.0.1", port)) as wire:
                wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while True:
                    begun = time.perf_counter()
                    if begun - started > seconds:
                        return
                    wire.sendall(request)
                    read_answer(wire)
                    found.seconds.append(time.perf_counter() - begun)
        except (OSError, RuntimeError) as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise RuntimeError(f"127.0.0.1:{port} did not answer") from failed[0]
    found.rates.append(len(found.seconds) / (time.perf_counter() - started))
    return found


def read_answer(wire: socket.socket) -> bytes:
    """Read one answer and return its body.

    Raises
    ------
    RuntimeError
        If it is not a 200, or says no length.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        part = wire.recv(65536)
        if not part:
            raise RuntimeError("the server closed the connection")
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    lengths = [line.split(b":")[1] for line in lines if line.startswith(b"content-length:")]
    if b" 200 " not in lines[0] or not lengths:
        raise RuntimeError(f"{head.decode()} {body[:500].decode()}")
    missing = int(lengths[0]) - len(body)
    parts = [body]
    while missing > 0:
        part = wire.recv(min(missing, 1 << 20))
        if not part:
            raise RuntimeError("the server closed the connection")
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
