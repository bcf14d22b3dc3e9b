"""What the stack must know about a service to start it, watch it and stop it."""

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
        Where it answers.
    port
        The port it listens on.
    wiring
        What it was told about other services; if that has changed it must be started again.
    prepare
        What must be done before every start; may take a while, must bear being interrupted.
    command
        How to start it; asked for after ``prepare``.
    healthy
        Whether it answers as it should.
    stop_signal
        The signal by which it ends in order.
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
    """Tell whether anything that speaks HTTP answers at the URL, whatever it says."""
    try:
        with _direct().open(url, timeout=5):
            return True
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError, ValueError):
        return False


def answers(url: str, *, seconds: float = 2) -> bool:
    """Tell whether a GET of the URL is answered with success."""
    try:
        with _direct().open(url, timeout=seconds) as response:
            return bool(response.status < 400)
    except (urllib.error.URLError, OSError):
        return False


def _direct() -> urllib.request.OpenerDirector:
    # A proxy from the user's environment must not stand between us and the loopback address.
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))
