"""What is kept about callers: their address and their user agent as they are, hashed, or not."""

from __future__ import annotations

import hashlib
import hmac
from functools import cache
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from functions.shared import clients
from functions.shared.environment import Environment

MAX_USER_AGENT = 256
KeptOf = Literal["plain", "hashed", "off"]
_HASH_DIGITS = 32


class CallerSettings(Environment):
    """The part of the environment that says what is kept about callers."""

    source_ip: KeptOf = Field(alias="EVERGREEN_LOG_SOURCE_IP", default="plain")
    user_agent: KeptOf = Field(alias="EVERGREEN_LOG_USER_AGENT", default="plain")
    secret_arn: str | None = Field(alias="EVERGREEN_LOG_SECRET_ARN", default=None)
    """The secret of the deployment, with which it is hashed."""
    secret: SecretStr | None = Field(alias="EVERGREEN_LOG_SECRET", default=None)
    """The same as a text, for a server without AWS."""

    @model_validator(mode="after")
    def _can_hash(self) -> Self:
        if "hashed" in {self.source_ip, self.user_agent} and not (self.secret_arn or self.secret):
            raise ValueError("set EVERGREEN_LOG_SECRET_ARN or EVERGREEN_LOG_SECRET to hash with")
        return self


@cache
def caller_settings() -> CallerSettings:
    """Read the environment once."""
    return CallerSettings.read()


def kept_about(source_ip: str | None, user_agent: str | None) -> dict[str, str | None]:
    """Return what the request log stores about a caller."""
    told = caller_settings()
    agent = user_agent[:MAX_USER_AGENT] if user_agent else None
    return {
        "source_ip": _kept(told.source_ip, "source_ip", source_ip),
        "user_agent": _kept(told.user_agent, "user_agent", agent),
    }


def shown_address(source_ip: str | None) -> str | None:
    """Return the address whose network the metrics may name, or None if they may name none."""
    return source_ip if caller_settings().source_ip == "plain" else None


def _kept(how: KeptOf, what: str, value: str | None) -> str | None:
    if how == "off" or value is None:
        return None
    if how == "plain":
        return value
    # With its name, so that nobody can send an address as user agent and find it.
    digest = hmac.new(_secret(), f"{what}:{value}".encode(), hashlib.sha256).hexdigest()
    return digest[:_HASH_DIGITS]


@cache
def _secret() -> bytes:
    told = caller_settings()
    if told.secret is not None:
        return told.secret.get_secret_value().encode()
    found = clients.aws_client("secretsmanager").get_secret_value(SecretId=told.secret_arn)
    return str(found["SecretString"]).encode()


def forget_callers() -> None:
    """Read settings and secret again, for tests."""
    caller_settings.cache_clear()
    _secret.cache_clear()
