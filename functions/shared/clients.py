"""The AWS clients of a function: each is made once, and its calls end before the deadline.

API Gateway and the functions behind it wait 29 s. Two seconds are kept for the answer, so the
deadline is 27 s after the start. No attempt begins that could end later. If all of AWS hangs:

- The pointer: two attempts of 6 s and a pause of 1 s, 13 s in all. Then a function without a loaded
  model answers 503. A function with a loaded model continues with it.
- Firehose: an attempt begins while 12 s are left, 6 s for itself and 6 s for the spill to S3. After
  13 s that is one attempt, which ends at 19 s.
- The spill to S3: one attempt, which ends at 25 s. A second has no time: the answer is 503.

The limits are per address. If a host has several addresses and none accepts a connection, an
attempt takes longer. We also cannot see a pause that a service requests, at most 5 s more.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from evergreen.aws import QUICK, Deadline, Patience, create_client
from evergreen.production import Production
from evergreen.storage import Storage

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from aws_lambda_powertools.utilities.typing import LambdaContext

ANSWERING_SECONDS = 2.0
"""Seconds kept for the pause after a last attempt, at most 1 s, and for writing the answer."""

deadline = Deadline()
"""The time by which this invocation must answer; only the functions behind the API have one."""


@cache
def aws_client(service: str, patience: Patience = QUICK, reserve: float = 0.0) -> Any:  # noqa: ANN401 - made at run time
    """Return the client of an AWS service.

    Parameters
    ----------
    service
        Its name, e.g. ``s3``.
    patience
        How long a call may take.
    reserve
        Seconds that must be left before the deadline after each attempt.
    """
    made = create_client(service, patience)
    deadline.guard(made, patience, reserve)
    return made


def storage(bucket: str, patience: Patience = QUICK) -> Storage:
    """Return the data bucket."""
    return Storage(bucket, aws_client("s3", patience))


def production(stage: str, patience: Patience = QUICK) -> Production:
    """Return the production pointers of the stage."""
    return Production(stage, aws_client("ssm", patience))


def in_time(context: LambdaContext) -> AbstractContextManager[None]:
    """Limit the body's calls to the time that is left of an invocation behind the API."""
    return deadline.within(context.get_remaining_time_in_millis() / 1000 - ANSWERING_SECONDS)
