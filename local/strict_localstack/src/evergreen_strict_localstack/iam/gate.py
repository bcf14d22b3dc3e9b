"""The gate: a handler of LocalStack's gateway that asks a caller's role before each call."""

from __future__ import annotations

import functools
import json
import logging
import threading
from dataclasses import dataclass, replace
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from localstack.aws.api import CommonServiceException
from localstack.aws.protocol.serializer import create_serializer
from localstack.services.iam.models import iam_stores
from localstack.services.sts.models import sts_stores
from localstack.utils.aws.request_context import extract_access_key_id_from_auth_header

from evergreen_strict_localstack.iam.policy import Access, Decision, UnknownConditionError, decide
from evergreen_strict_localstack.iam.refusal import refusal
from evergreen_strict_localstack.iam.requests import Call, accesses

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from localstack.aws.api import RequestContext
    from localstack.aws.chain import HandlerChain
    from localstack.http import Response

_LOG = logging.getLogger(__name__)
_ROLES = "us-east-1"  # the stores of roles and credentials are the same in each region


class Gate:
    """Refuses what the role of a call's credentials does not allow.

    Calls with other credentials pass: they are those of a developer, who may do everything.

    Parameters
    ----------
    record
        A file for each distinct access, as a line of JSON; none without.
    only_log
        Let everything pass, and log what would be refused.
    """

    def __init__(self, record: Path | None, *, only_log: bool = False) -> None:
        self._record = record
        self._only_log = only_log
        self._recorded: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()

    def __call__(self, _chain: HandlerChain, context: RequestContext, _: Response) -> None:
        """Let a call pass.

        Raises
        ------
        CommonServiceException
            If a role made it that may not; LocalStack gives it the form of the service.
        """
        caller = _caller(context)
        if caller is None:
            return
        call = Call(
            context.service.service_name,
            context.operation.name,
            context.service_request or {},
            context.account_id,
            context.region,
            context.request.method,
            context.request.path,
        )
        try:
            needed = accesses(call)
        except (KeyError, TypeError, AttributeError):
            return  # a parameter is missing or of another type; the service itself refuses that
        for access in needed:
            decision = caller.decide(access)
            self._write(caller.role, access, decision)
            if decision != "allowed":
                error = _error(call.service, caller, access, decision)
                _LOG.warning("refused: %s", error.message)
                if not self._only_log:
                    raise error

    def hide_absence(
        self, _chain: HandlerChain, context: RequestContext, response: Response
    ) -> None:
        """Refuse the read of an object that does not exist, unless its caller may list the bucket.

        So does S3: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_Errors
        """
        code = getattr(context.service_exception, "code", "")
        if code not in {"NoSuchKey", "404"} or self._only_log:
            return
        caller = _caller(context)
        if caller is None or context.operation.name not in {"GetObject", "HeadObject"}:
            return
        request = context.service_request or {}
        listing = Access("s3:ListBucket", f"arn:aws:s3:::{request['Bucket']}")
        decision = caller.decide(listing)
        if decision != "allowed":
            error = _error("s3", caller, listing, decision)
            serializer = create_serializer(context.service, context.protocol)
            response.update_from(
                serializer.serialize_error_to_response(
                    error, context.operation, context.request.headers, context.request_id
                )
            )

    def _write(self, role: str, access: Access, decision: Decision) -> None:
        if self._record is None:
            return
        entry = (role, access.action, access.resource, decision)
        with self._lock:
            if entry in self._recorded:
                return
            self._recorded.add(entry)
            names = ("role", "action", "resource", "decision")
            with self._record.open("a") as file:
                file.write(json.dumps(dict(zip(names, entry, strict=True))) + "\n")


@dataclass(frozen=True)
class _Caller:
    """The role whose credentials a call has."""

    principal: str
    role: str
    statements: list[Mapping[str, Any]]
    context: Mapping[str, tuple[str, ...]]

    def decide(self, access: Access) -> Decision:
        """Return what the role's policies say about an access."""
        asked = replace(access, context={**self.context, **access.context})
        try:
            return decide(self.statements, asked)
        except UnknownConditionError as error:
            _LOG.error("%s: %s is refused, its condition is unknown: %s", self.role, access, error)
            return "implicitDeny"


def _caller(context: RequestContext) -> _Caller | None:
    """Return the role of a call's credentials, or None if it is no role that IAM knows."""
    if not context.service or not context.operation:
        return None
    key = extract_access_key_id_from_auth_header(context.request.headers)
    found = sts_stores[context.account_id][_ROLES].credentials.get(key)
    if not found or ":assumed-role/" not in found.arn:
        return None
    role = found.arn.split("/")[1]
    statements = _statements(found.arn.split(":")[4], role)
    if statements is None:
        return None
    return _Caller(found.arn, role, statements, _common(context, found.arn))


def _error(
    service: str, caller: _Caller, access: Access, decision: Decision
) -> CommonServiceException:
    answer = refusal(service, caller.principal, access, decision)
    return CommonServiceException(answer.code, answer.message, answer.status, sender_fault=True)


def _common(context: RequestContext, principal: str) -> dict[str, tuple[str, ...]]:
    account = principal.split(":")[4]
    return {
        # The gateway listens on loopback only; on AWS the same call is encrypted.
        "aws:securetransport": ("true",),
        "aws:principalaccount": (account,),
        "aws:sourceaccount": (account,),
        "aws:resourceaccount": (context.account_id,),
        "s3:resourceaccount": (context.account_id,),
        "aws:principalarn": (principal,),
        "aws:requestedregion": (context.region,),
    }


def _statements(account: str, name: str) -> list[Mapping[str, Any]] | None:
    """Return the statements of a role's policies, or None if there is no such role."""
    store = iam_stores[account][_ROLES]
    role = store.ROLES.get(name)
    if role is None:
        return None
    documents = list(role.inline_policies.values())
    for arn in role.attached_policy_arns:
        own = store.MANAGED_POLICIES.get(arn)
        if own:
            documents.append(own.versions[own.policy["DefaultVersionId"]]["Document"])
        elif arn in _aws_policies():
            documents.append(_aws_policies()[arn])
        else:
            _LOG.warning("%s has the policy %s, which LocalStack does not know", name, arn)
    return [statement for document in documents for statement in _parsed(document)]


@functools.cache
def _aws_policies() -> Mapping[str, str]:
    """Return the documents of AWS's own policies by ARN; LocalStack brings them as one file."""
    text = resources.files("localstack.services.iam.resources").joinpath(
        "aws_managed_policies.json"
    )
    return {
        f"arn:aws:iam::aws:policy{each['Path']}{name}": json.dumps(each["Document"])
        for name, each in json.loads(text.read_text()).items()
    }


@functools.lru_cache(maxsize=1000)
def _parsed(document: str) -> list[Mapping[str, Any]]:
    found = json.loads(unquote(document))["Statement"]
    return found if isinstance(found, list) else [found]
