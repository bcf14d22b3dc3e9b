"""Calls from pages of other origins: off by default, and answered as the setting says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from functions.shared.api import adapt, answer, create_api
from functions.shared.metrics import Recorder
from functions.shared.security_headers import SECURITY
from tests.support.gateway_events import Context, event

if TYPE_CHECKING:
    from starlette.responses import Response

OURS, OTHER = "https://app.example.com", "https://evil.example.com"


def call(method: str, origin: str | None, **asked: str) -> dict[str, Any]:
    app = create_api()

    @app.get("/models")
    async def models() -> Response:
        return answer({})

    told = event(method, "/models")
    for name, value in {**({"Origin": origin} if origin else {}), **asked}.items():
        told["headers"][name] = value
        told["multiValueHeaders"][name] = [value]
    return adapt(app)(told, Context(), Recorder("m"))


def preflight(origin: str) -> dict[str, Any]:
    asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "x-api-key"}
    return call("OPTIONS", origin, **asked)


def test_by_default_no_page_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVERGREEN_CORS_ORIGINS", raising=False)
    assert preflight(OURS)["statusCode"] == 405
    answered = call("GET", OURS)
    assert answered["statusCode"] == 200
    assert not [name for name in answered["headers"] if name.startswith("access-control")]


def test_pages_of_the_allowed_origins_may_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVERGREEN_CORS_ORIGINS", f"{OURS} https://b.example.com")
    asked = preflight(OURS)
    assert asked["statusCode"] == 200
    assert asked["headers"]["access-control-allow-origin"] == OURS
    assert asked["headers"]["access-control-allow-headers"] == "x-api-key"
    assert "POST" in asked["headers"]["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in asked["headers"]
    assert call("GET", OURS)["headers"]["access-control-allow-origin"] == OURS
    refused = call("GET", OURS.replace("app", "app."))
    assert "access-control-allow-origin" not in refused["headers"]
    assert preflight(OTHER)["statusCode"] == 400
    assert "access-control-allow-origin" not in preflight(OTHER)["headers"]


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_every_answer_has_the_headers_of_security_once(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVERGREEN_CORS_ORIGINS", "*")
    found = call(method, OURS, **{"Access-Control-Request-Method": "GET"})
    assert SECURITY.items() <= found["headers"].items()
