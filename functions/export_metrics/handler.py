"""Entry point of the function that answers Prometheus' scrapes.

Before version 2.55 Prometheus cannot send an ``x-api-key`` header, but every version can send a
bearer token. So the gateway lets every request through, and this function checks the API key in
either form.

It answers in time whatever CloudWatch does: with what could be read, and if not even the API key
can be read, with 503.
"""

from __future__ import annotations

import hmac
import time
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from pydantic_core import to_json

from evergreen.clock import utc_now
from functions.export_metrics.collector import CloudWatchCollector
from functions.export_metrics.settings import settings
from functions.shared import clients
from functions.shared.logs import create_logger
from functions.shared.security_headers import SECURITY

if TYPE_CHECKING:
    from collections.abc import Mapping

KEY_SECONDS = 300
"""Seconds for which the key is cached; a revoked key may work that long."""

logger = create_logger()


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer one scrape in Prometheus' text format, or 403 or 503."""
    with clients.in_time(context):
        try:
            allowed = _is_allowed(event["headers"] or {})
        except (BotoCoreError, ClientError):
            logger.exception("the API key cannot be read")
            return _problem(503, "Service Unavailable", "the API key cannot be checked now")
        if not allowed:
            detail = "send the API key as x-api-key, or as a bearer token in Authorization"
            return _problem(403, "Forbidden", detail)
        return {
            "statusCode": 200,
            "headers": {"content-type": CONTENT_TYPE_PLAIN_0_0_4, **SECURITY},
            "body": _answer(int(time.monotonic() / settings().answer_seconds)),
        }


def _is_allowed(headers: Mapping[str, str]) -> bool:
    lower = {name.lower(): value for name, value in headers.items()}
    scheme, _, token = lower.get("authorization", "").partition(" ")
    offered = token.strip() if scheme.lower() == "bearer" else lower.get("x-api-key", "")
    key = _api_key(int(time.monotonic() // KEY_SECONDS))
    return hmac.compare_digest(offered.encode(), key.encode())


def _problem(status: int, title: str, detail: str) -> dict[str, Any]:
    problem = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    return {
        "statusCode": status,
        "headers": {"content-type": "application/problem+json", **SECURITY},
        "body": to_json(problem).decode(),
    }


@lru_cache(maxsize=1)
def _answer(_period: int) -> str:
    return generate_latest(_collector()).decode()


@cache
def _collector() -> CloudWatchCollector:
    return CloudWatchCollector(clients.aws_client("cloudwatch"), utc_now, settings().quantiles)


@lru_cache(maxsize=1)
def _api_key(_period: int) -> str:
    gateway = clients.aws_client("apigateway")
    return str(gateway.get_api_key(apiKey=settings().api_key_id, includeValue=True)["value"])
