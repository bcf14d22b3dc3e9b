"""Description of a local service: how to start it, check its health and stop it."""

from __future__ import annotations

import signal
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.process import Command


@dataclass(frozen=True, slots=True)
class LocalService:
    """One service of the local stack.

    Parameters
    ----------
    name
        Its key in the state file and its log file's name.
    title
        Its name for people.
    url
        URL of the service.
    port
        The port it listens on.
    wiring
        The settings about other services that it started with; if they change, it is restarted.
    prepare
        Runs before every start. It may take long, and may be interrupted at any time.
    command
        Returns the command that starts it; called after ``prepare``.
    healthy
        Returns whether it answers correctly.
    stop_signal
        The signal that makes it end cleanly.
    start_seconds
        How long it may take to start on a slow, busy machine.
    """

    name: str
    title: str
    url: str
    port: int
    wiring: str
    prepare: Callable[[], None]
    command: Callable[[], Command]
    healthy: Callable[[], bool]
    stop_signal: signal.Signals = signal.SIGTERM
    start_seconds: float = 180


def is_http_server(url: str) -> bool:
    """Return whether any HTTP server answers at the URL, with whatever status."""
    try:
        with _direct().open(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


def answers(url: str, *, seconds: float = 2) -> bool:
    """Return whether a GET of the URL succeeds."""
    try:
        with _direct().open(url, timeout=seconds) as response:
            return bool(response.status < 400)
    except (urllib.error.URLError, OSError):
        return False


def _direct() -> urllib.request.OpenerDirector:
    # No proxy from the user's environment, because the address is loopback.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
