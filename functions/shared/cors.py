"""Calls from pages of other origins (CORS), where a setting allows them; otherwise none.

https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from typing import Any

from pydantic import Field
from starlette.types import ASGIApp

from functions.shared.environment import Environment

_METHODS = ("GET", "POST")
_SHOWN = (
    *("inference-header-content-length", "retry-after"),
    *("x-amzn-invoked-production-variant", "x-amzn-sagemaker-custom-attributes"),
)
"""Headers of an answer that a page may read, beside those that it always may."""
_PREFLIGHT_SECONDS = 3600


class CorsSettings(Environment):
    """The part of a function's environment that says whose pages may call."""

    text: str = Field(alias="EVERGREEN_CORS_ORIGINS", default="")

    @property
    def origins(self) -> list[str]:
        """The allowed origins; ``*`` is every one."""
        return self.text.split()


def with_cors(app: ASGIApp) -> ASGIApp:
    """Let pages of the origins in the environment call an application; as it is if there are none.

    Preflight requests are answered here. Callers send a key in a header and no cookies, so no
    credentials are allowed.
    """
    origins = CorsSettings.read().origins
    if not origins:
        return app
    from starlette.middleware.cors import CORSMiddleware  # noqa: PLC0415 - not at every cold start

    allowed: dict[str, Any] = {"allow_origins": origins, "allow_methods": _METHODS}
    return CORSMiddleware(
        app, **allowed, allow_headers="*", expose_headers=_SHOWN, max_age=_PREFLIGHT_SECONDS
    )
