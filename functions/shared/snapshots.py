"""Snapshots of a started function (SnapStart), of which many copies are restored.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""

from __future__ import annotations

import random

from pydantic import Field

from functions.shared.environment import Environment


class Initialization(Environment):
    """The part of Lambda's environment that says how the function was started."""

    kind: str = Field(alias="AWS_LAMBDA_INITIALIZATION_TYPE", default="on-demand")


def starts_from_snapshot() -> bool:
    """Return whether copies of this process will be restored from a snapshot.

    If they will, each copy gets random numbers of its own. botocore and our deliveries spread their
    retries with them. Ids of requests come from the operating system, which needs no seed.
    """
    if Initialization.read().kind != "snap-start":
        return False
    # Lambda's runtime brings it.
    from snapshot_restore_py import register_after_restore  # noqa: PLC0415

    register_after_restore(random.seed)
    return True
