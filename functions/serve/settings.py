"""Settings of the server."""

from __future__ import annotations

import ipaddress
from functools import cache
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator

from functions.shared.environment import Environment

LOOPBACK = "127.0.0.1"
OPEN = "open"
"""What stands in the place of a key where something before the server checks its callers."""


class ServerSettings(Environment):
    """Environment of the server, beside that of :mod:`functions.predict.settings`."""

    host: str = Field(alias="EVERGREEN_HOST", default=LOOPBACK)
    port: int = Field(alias="EVERGREEN_PORT", default=8080, ge=0, le=65535)
    api_key: SecretStr | None = Field(alias="EVERGREEN_API_KEY", default=None)
    ground_truth_key: SecretStr | None = Field(alias="EVERGREEN_GROUND_TRUTH_KEY", default=None)
    """The key with which ground truth is sent, if it is not the same. It makes no predictions."""
    metrics: Literal["lean", "full", ""] = Field(alias="EVERGREEN_METRICS", default="")
    """Whether the metrics of the answers are written to the output, as lines for CloudWatch."""

    @property
    def key(self) -> str | None:
        """The key that callers must send, if they must."""
        key = self.api_key.get_secret_value() if self.api_key else OPEN
        return None if key == OPEN else key

    def key_for(self, path: str) -> str | None:
        """Return the key that a call of a path must send, if it must."""
        if path.endswith("/ground-truth") and self.ground_truth_key:
            return self.ground_truth_key.get_secret_value()
        return self.key

    @model_validator(mode="after")
    def _is_open_only_on_purpose(self) -> Self:
        if not self.api_key and not _is_loopback(self.host):
            raise ValueError(
                f"EVERGREEN_API_KEY: others can reach {self.host}, so set a key that they must "
                f"send as x-api-key, or {OPEN!r} if something before the server checks callers"
            )
        return self


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@cache
def server_settings() -> ServerSettings:
    """Read the environment once."""
    return ServerSettings.read()
