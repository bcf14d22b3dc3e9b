"""AWS clients that give up in time: how long a call may take, and by when an answer is due.

botocore waits 60 s for a connection and 60 s for an answer, and tries up to five times. Whoever
called our API has been sent away after 29 s by then.
"""

from __future__ import annotations

import math
import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import botocore
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LONGEST_PAUSE = 20.0
# botocore builds its own text anew for each call, twice, which is a tenth of the call's time.
_USER_AGENT = f"Botocore/{botocore.__version__} Python/{platform.python_version()} Evergreen"


@dataclass(frozen=True, slots=True)
class Patience:
    """Limits of one call to AWS.

    Retries are botocore's ``standard`` mode. It repeats timeouts, lost connections, throttling and
    server errors, and nothing else.
    """

    connect: float
    """Seconds to connect to one address of the host."""
    read: float
    """Seconds to wait for the answer, or for its next bytes."""
    attempts: int
    """How often a call is tried in all."""

    @property
    def attempt_seconds(self) -> float:
        """Longest time of one attempt against a host that accepts and does not answer."""
        return self.connect + self.read

    @property
    def call_seconds(self) -> float:
        """Longest time of a call whose every attempt times out, with the pauses between them.

        The pause after attempt ``n`` is random, at most ``2 ** (n - 1)`` seconds and at most 20.
        """
        pauses = (min(2.0**number, _LONGEST_PAUSE) for number in range(self.attempts - 1))
        return self.attempts * self.attempt_seconds + sum(pauses)

    def config(self) -> Config:
        """Return the configuration of a client with these limits."""
        return Config(
            connect_timeout=self.connect,
            read_timeout=self.read,
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            user_agent=_USER_AGENT,
        )


QUICK = Patience(connect=1, read=5, attempts=2)
"""For functions that answer within 30 s: a call takes 13 s at most."""
ONCE = Patience(connect=1, read=5, attempts=1)
"""The same where the caller itself tries again: 6 s at most."""
LONG = Patience(connect=5, read=60, attempts=5)
"""For functions that may work for 15 minutes, and for people at a terminal: 340 s at most."""


def create_client(service: str, patience: Patience) -> Any:  # noqa: ANN401 - made at run time
    """Return a new client of an AWS service, signed in as the environment says.

    It is botocore's and not boto3's, which has the same methods and takes longer to import.
    """
    return _session().create_client(service, config=patience.config())


def sign_download(bucket: str, key: str, *, seconds: int, content_type: str) -> str:
    """Return an address at which a browser can read an object for some seconds.

    Whoever opens it has the rights of whoever signs. Nothing is sent, so the object need not exist.
    """
    where = {"Bucket": bucket, "Key": key, "ResponseContentType": content_type}
    signed = _signer().generate_presigned_url("get_object", Params=where, ExpiresIn=seconds)
    return str(signed)


@cache
def _signer() -> Any:  # noqa: ANN401 - made at run time
    # Objects that are encrypted with KMS need signature 4, which is not the default everywhere.
    signing = Config(signature_version="s3v4")
    return _session().create_client("s3", config=QUICK.config().merge(signing))


@cache
def _session() -> botocore.session.Session:
    return botocore.session.get_session()


class OutOfTimeError(BotoCoreError):
    """A call was not made, because it could have ended after the answer was due."""

    fmt = "no time is left to call {operation}: it may take {needed:g} s, {left:.1f} s are left"


class Deadline:
    """The moment by which an answer is due.

    A guarded client begins no attempt that could end after it. So the whole of an answer is in
    time, however many calls it makes and however slow each of them is.

    Parameters
    ----------
    seconds
        A monotonic clock, for tests.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._at = math.inf

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Let the answer be due in so many seconds; after the body nobody waits for one."""
        self._at = self._seconds() + seconds
        try:
            yield
        finally:
            self._at = math.inf

    def guard(self, client: Any, patience: Patience, reserve: float = 0.0) -> None:  # noqa: ANN401 - made at run time
        """Keep a client from attempts that could end too late.

        Parameters
        ----------
        patience
            The limits that the client was made with.
        reserve
            Seconds that must be left after an attempt, for what is done if it fails.
        """
        needed = patience.attempt_seconds + reserve

        def check(event_name: str, **_: object) -> None:
            left = self._at - self._seconds()
            if left < needed:
                operation = event_name.removeprefix("before-send.")
                raise OutOfTimeError(operation=operation, needed=needed, left=left)

        client.meta.events.register("before-send", check)
