"""At a domain of its own the API may lie below a base path, which its routes do not have."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from fastapi import APIRouter, Response
from hypothesis import given
from hypothesis import strategies as st

from functions.shared.api import PlainRoute, add_routes, create_api, without_base_path

PART = st.text("abcXYZ0-_.:", min_size=1, max_size=8)


def event(resource: str, path: str, **parameters: str) -> dict[str, Any]:
    return {"resource": resource, "path": path, "pathParameters": parameters or None}


@pytest.mark.parametrize(
    ("resource", "path", "parameters", "wanted"),
    [
        ("/models/m/{proxy+}", "/ml/models/m/predict", {"proxy": "predict"}, "/models/m/predict"),
        ("/models/m/{proxy+}", "/a/b/models/m/x/y", {"proxy": "x/y"}, "/models/m/x/y"),
        ("/v1/models/m:predict", "/ml/v1/models/m:predict", {}, "/v1/models/m:predict"),
        ("/{proxy+}", "/ml/status", {"proxy": "status"}, "/status"),
        ("/", "/ml", {}, "/"),
        ("/", "/ml/", {}, "/"),
        # Without a base path, or with an event that is not as expected, nothing changes.
        ("/{proxy+}", "/ml/status", {"proxy": "ml/status"}, "/ml/status"),
        ("/", "/", {}, "/"),
        ("/models/m/{proxy+}", "/else/where", {"proxy": "predict"}, "/else/where"),
    ],
)
def test_the_base_path_is_removed(
    resource: str, path: str, parameters: dict[str, str], wanted: str
) -> None:
    assert without_base_path(event(resource, path, **parameters))["path"] == wanted


@given(base=st.lists(PART, max_size=3), route=st.lists(PART, min_size=1, max_size=4))
def test_any_base_path_is_removed_and_no_other(base: list[str], route: list[str]) -> None:
    below = "/".join(route)
    path = "/".join(["", *base, below])
    found = without_base_path(event("/{proxy+}", path, proxy=below))
    assert found["path"] == f"/{below}"


def test_an_event_without_a_resource_is_left_alone() -> None:
    plain = {"path": "/ping"}
    assert without_base_path(plain) is plain


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://a"),
        ConnectTimeoutError(endpoint_url="http://a"),
        ReadTimeoutError(endpoint_url="http://a"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_service_that_cannot_be_reached_is_503(error: Exception) -> None:
    app, router = create_api(), APIRouter(route_class=PlainRoute)

    @router.get("/asked")
    async def asked() -> Response:
        raise error

    add_routes(app, [router])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.get("/asked")

    answer = asyncio.run(ask())
    assert answer.status_code == 503
    assert answer.json()["detail"] == "a service that this needs did not answer in time"
