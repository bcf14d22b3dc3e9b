"""The server's socket and its life."""

from __future__ import annotations

import errno
import socket

import uvicorn

from evergreen.errors import EvergreenError
from functions.serve.app import create_app
from functions.serve.settings import ServerSettings
from functions.serve.whole_answers import WholeAnswers

LAST_ANSWERS_SECONDS = 20
"""Seconds for the answers that are under way when the server is told to end."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens; port 0 is any free one.

    Raises
    ------
    EvergreenError
        If the port is taken or may not be used.
    """
    try:
        return socket.create_server((host, port), family=_family(host))
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        raise EvergreenError(
            "the port is taken" if taken else f"cannot listen: {error.strerror}",
            where=f"{host}:{port}",
            fix="Choose another one, or 0 for any that is free.",
        ) from error


def run_server(environment: ServerSettings, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM, and finish the answers that are under way."""
    app = create_app(environment)
    config = uvicorn.Config(
        app,
        http=WholeAnswers,
        lifespan="off",
        log_config=None,  # what it logs is a line of JSON, as that of every other library
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_ANSWERS_SECONDS,
    )
    try:
        with listening:
            uvicorn.Server(config).run(sockets=[listening])
    finally:
        app.end()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
