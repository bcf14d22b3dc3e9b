"""Posts JSON to the one address that the deployment was given, and to no other."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from urllib.parse import SplitResult

TIMEOUT = 5.0
"""Seconds for connecting, and for each wait for an answer."""
PAUSES = (1.0, 4.0)
"""Seconds between the attempts of one invocation; Lambda makes two more of those."""
LONGEST_ANSWER = 1024
"""Bytes of an answer that are read."""
_SLOW_DOWN = 429
_SERVER_ERROR = 500


class WebhookError(EvergreenError):
    """The receiver did not take the alert."""

    def __init__(self, what: str, *, again: bool) -> None:
        super().__init__(what, where="the alert webhook")
        self.again = again
        """Whether trying again can help."""


def check_address(address: str, *, http_allowed: bool) -> SplitResult:
    """Return the parts of a webhook's address.

    Raises
    ------
    EvergreenError
        If it is not ``https://host…``; the address itself is a secret and not repeated.
    """
    schemes = ("https://", "http://") if http_allowed else ("https://",)
    # What http.client would refuse, it would repeat in its error, which is logged.
    plain = address.isascii() and address.isprintable() and " " not in address
    try:
        parts = urlsplit(address if plain else "")
        sound = f"{parts.scheme}://" in schemes and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username:
        raise EvergreenError(
            f"not an address that begins with {' or '.join(schemes)} and names a host",
            where="the alert webhook",
            fix="Set it with `evergreen alerts --webhook ADDRESS`.",
        )
    return parts


def post(
    address: SplitResult,
    body: Mapping[str, Any],
    *,
    pauses: tuple[float, ...] = PAUSES,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Post ``body``, again after a pause if the receiver is down, slow or busy.

    A redirect is not followed: whoever can answer for the receiver could otherwise have us post
    anywhere, into the deployment's own network too.

    Raises
    ------
    WebhookError
        If no attempt got a 2xx answer.
    """
    for pause in pauses:
        try:
            return _post(address, body)
        except WebhookError as error:
            if not error.again:
                raise
        sleep(pause)
    return _post(address, body)


def _post(address: SplitResult, body: Mapping[str, Any]) -> None:
    secure = address.scheme == "https"
    connect = HTTPSConnection if secure else HTTPConnection
    connection = connect(address.hostname or "", address.port, timeout=TIMEOUT)
    path = (address.path or "/") + (f"?{address.query}" if address.query else "")
    headers = {"content-type": "application/json", "user-agent": "evergreen"}
    try:
        connection.request("POST", path, json.dumps(body).encode(), headers)
        # An answer that is not read to its end keeps the socket, beyond its connection.
        with connection.getresponse() as answer:
            status = answer.status
            said = answer.read(LONGEST_ANSWER).decode(errors="replace").strip()
    except (OSError, HTTPException) as error:
        raise WebhookError(f"no answer: {type(error).__name__}", again=True) from error
    finally:
        connection.close()
    if not 200 <= status < 300:
        again = status == _SLOW_DOWN or status >= _SERVER_ERROR
        raise WebhookError(f"it answered {status}: {said[:200]}", again=again)
