"""A server that accepts connections, reads requests and never answers."""

from __future__ import annotations

import socket
import threading


class HangingServer:
    """Remembers the first line of each request; ``url`` is where it listens."""

    def __init__(self) -> None:
        self._requests: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def received(self) -> list[str]:
        """Stop, and return what came until now: clients do not wait until it was read."""
        self.close()
        return self._requests

    def close(self) -> None:
        if not self._thread.is_alive():
            return
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        for each in (*self._connections, self._listener):
            each.close()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            self._connections.append(connection)
            head = connection.recv(65536)
            if not head:  # from close()
                return
            self._requests.append(head.split(b"\r\n", 1)[0].decode())
