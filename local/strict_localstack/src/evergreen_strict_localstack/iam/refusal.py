"""The answer to a refused call, in the form of its service."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen_strict_localstack.iam.policy import Access, Decision

_CODES = {
    "s3": "AccessDenied",
    "sns": "AuthorizationError",
    "sqs": "AccessDenied",
    "sts": "AccessDenied",
    "iam": "AccessDenied",
    "cloudwatch": "AccessDenied",
    "cloudformation": "AccessDenied",
}
"""Error codes that are not the ``AccessDeniedException`` of the services that speak JSON."""
_FORBIDDEN = {"s3", "sns", "sqs", "sts", "iam", "cloudwatch", "cloudformation"} | {
    "lambda",
    "apigateway",
}
"""Services whose HTTP status is 403; it is 400 for the others."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """What is told to a caller."""

    code: str
    message: str
    status: int


def refusal(service: str, principal: str, access: Access, decision: Decision) -> Refusal:
    """Return the error for one access that is not allowed.

    Parameters
    ----------
    service
        botocore's name.
    principal
        The ARN of the caller.
    """
    why = (
        "with an explicit deny in an identity-based policy"
        if decision == "explicitDeny"
        else f"because no identity-based policy allows the {access.action} action"
    )
    resource = f'"{access.resource}"' if service == "s3" else access.resource
    return Refusal(
        _CODES.get(service, "AccessDeniedException"),
        f"User: {principal} is not authorized to perform: {access.action} on resource: "
        f"{resource} {why}",
        403 if service in _FORBIDDEN else 400,
    )
