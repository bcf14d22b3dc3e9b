"""An application behind a real HTTP server on loopback, for clients that only speak HTTP."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from functions.serve.whole_answers import WholeAnswers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import ASGIApp

_PATIENCE_SECONDS = 30


@contextmanager
def served(app: ASGIApp) -> Iterator[int]:
    """Serve ``app`` on a free port of loopback in a thread, and stop it at the end."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, http=WholeAnswers, log_level="error", lifespan="off"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        until = time.monotonic() + _PATIENCE_SECONDS
        while not server.started:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
