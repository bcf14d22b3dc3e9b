"""Choice of ports: the preferred one or the next free one, and who holds a taken one."""

from __future__ import annotations

import random
import socket

import psutil

from evergreen.errors import EvergreenError

HOST = "127.0.0.1"
_LAST_PORT = 65_535
_QUIET_PORTS = range(15_000, 32_000)
"""Outgoing connections have ports from 32,768 on. One of them could take the port of a server that
is being started again."""


class NoFreePortError(EvergreenError):
    """No port, or no block of ports, is free."""


def is_free(port: int) -> bool:
    """Return whether a server could listen on the port of the loopback address."""
    with socket.socket() as server:
        # Without this a port counts as taken for a minute after its last connection was closed.
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((HOST, port))
            server.listen(1)
        except OSError:
            return False
    return True


def pick(preferred: int | None, avoid: frozenset[int] = frozenset()) -> int:
    """Return the preferred port, or the first free one above it.

    Parameters
    ----------
    preferred
        First port to try; ``None`` takes any free port.
    avoid
        Ports of other services that may not listen yet.

    Raises
    ------
    NoFreePortError
        If there is none.
    """
    return pick_block(preferred, 1, avoid)


def pick_block(preferred: int | None, size: int, avoid: frozenset[int] = frozenset()) -> int:
    """Return the first port of a block of ``size`` neighbouring free ports.

    Raises
    ------
    NoFreePortError
        If there is no such block.
    """
    start = _any_port() if preferred is None else preferred
    while start + size - 1 <= _LAST_PORT:
        block = range(start, start + size)
        taken = [port for port in block if port in avoid or not is_free(port)]
        if not taken:
            return start
        start = taken[-1] + 1
    raise NoFreePortError(
        f"no {size} neighbouring free ports above {preferred or 'a random one'}",
        fix="Stop a program that listens on one of them, or try again",
    )


def owner(port: int) -> str | None:
    """Return the name of the program that listens on the port, if the system shows it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        local = connection.laddr
        if connection.status == psutil.CONN_LISTEN and local and local.port == port:
            return _program(connection.pid)
    return None


def _program(pid: int | None) -> str | None:
    if pid is None:
        return None
    try:
        return f"{psutil.Process(pid).name()} (process {pid})"
    except psutil.NoSuchProcess:
        return None


def _any_port() -> int:
    for port in random.sample(_QUIET_PORTS, len(_QUIET_PORTS)):
        if is_free(port):
            return port
    raise NoFreePortError(
        f"no free port from {_QUIET_PORTS[0]} to {_QUIET_PORTS[-1]}",
        fix="Stop a program that listens on one of them, or try again",
    )
