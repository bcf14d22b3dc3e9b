"""Webhook: posts JSON to the one address of the deployment's settings."""

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
"""Timeout in seconds for the connection and for each read."""
PAUSES = (1.0, 4.0)
"""Seconds between the attempts of one invocation; Lambda makes two more invocations."""
LONGEST_ANSWER = 1024
"""The largest number of bytes that are read of an answer."""
_SLOW_DOWN = 429
_SERVER_ERROR = 500


class WebhookError(EvergreenError):
    """The receiver refused the alert or did not answer."""

    def __init__(self, what: str, *, again: bool) -> None:
        super().__init__(what, where="the alert webhook")
        self.again = again
        """Whether a retry can help."""


def check_address(address: str, *, http_allowed: bool) -> SplitResult:
    """Return the parts of a webhook's address.

    Raises
    ------
    EvergreenError
        If it is not ``https://host…``. The message does not show the address, which is a secret.
    """
    schemes = ("https://", "http://") if http_allowed else ("https://",)
    # http.client would put a refused address into its error, and errors are logged.
    plain = address.isascii() and address.isprintable() and " " not in address
    try:
        parts = urlsplit(address if plain else "")
        sound = f"{parts.scheme}://" in schemes and parts.hostname and parts.port != 0
    except ValueError:
        sound = False
    if not sound or parts.username:
        raise EvergreenError(
            f"the address must begin with {' or '.join(schemes)} and name a host",
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
    """Post ``body``, with retries after a pause if the receiver is down, slow or busy.

    Redirects are not followed. Otherwise a receiver could make us post to any address, also in the
    deployment's own network.

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
        # An answer that is not read to its end keeps the socket open after its connection.
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
