"""What concerns all models; and the document, held against every route there is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.openapi.models import OpenAPI
from starlette.routing import Route

from evergreen.serving.requests import RequestReader
from functions.describe_api import routes, status_routes
from functions.describe_api.handler import handler
from functions.describe_api.page import PAGE_PARTS
from functions.describe_api.settings import settings
from functions.predict.protocols import ROUTERS
from functions.shared import clients
from tests.support.gateway_events import Context, event
from tests.support.trained_models import DEFINITION, TOML, promote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.aws_in_process import Account

ROOT = Path(__file__).resolve().parents[3]
COPY = ROOT / "functions" / "describe_api" / "swagger_ui"
INSTALLED = ROOT / "node_modules" / "swagger-ui-dist"
CONTEXT: Any = Context(function_name="describe-api")


def forget() -> None:
    made = (routes._deployed, status_routes._reader, status_routes._details)
    for cached in (settings, *made):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def deployed(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    aws.storage()
    (tmp_path / "models" / "late_bus").mkdir(parents=True)
    (tmp_path / "models" / "late_bus" / "model.toml").write_text(TOML)
    monkeypatch.setenv("EVERGREEN_STAGE", "dev")
    monkeypatch.setenv("EVERGREEN_BUCKET", "data")
    monkeypatch.setenv("EVERGREEN_VERSION", "1.2.3")
    monkeypatch.setenv("LAMBDA_TASK_ROOT", str(tmp_path))
    monkeypatch.setattr(clients, "aws_client", aws.client)
    forget()
    yield
    forget()


def call(method: str, path: str) -> tuple[int, Any, str]:
    answer = handler(event(method, path), CONTEXT)
    assert answer["isBase64Encoded"] is False
    kind = answer["headers"]["content-type"]
    body = answer["body"]
    return answer["statusCode"], json.loads(body) if "json" in kind else body, kind


def test_models_and_what_is_in_production(aws: Account) -> None:
    (model,) = call("GET", "/models")[1]["models"]
    assert (model["name"], model["production"]) == ("late_bus", None)
    promote(aws.storage(), aws.production(), "3")
    (model,) = call("GET", "/models")[1]["models"]
    assert model["production"]["version"] == "3"


def test_the_deployed_version_is_in_the_document_and_in_the_server_metadata() -> None:
    assert call("GET", "/openapi.json")[1]["info"]["version"] == "1.2.3"
    assert call("GET", "/v2")[1]["version"] == "1.2.3"


def test_the_root_is_the_status_page_under_its_policy(aws: Account) -> None:
    answer = handler(event("GET", "/"), CONTEXT)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"] == "text/html; charset=utf-8"
    assert answer["headers"]["content-security-policy"].startswith("default-src 'none'; ")
    assert answer["body"].startswith("<!doctype html>")


def test_the_status_of_every_model(aws: Account) -> None:
    promote(aws.storage(), aws.production(), "3")
    status, body, _ = call("GET", "/status")
    assert (status, body["stage"]) == (200, "dev")
    (model,) = body["models"]
    assert (model["name"], model["production"]["version"]) == ("late_bus", "3")
    assert len(model["traffic"]["values"]) == 60


def test_the_details_of_one_model(aws: Account) -> None:
    status, body, _ = call("GET", "/status/late_bus")
    assert (status, body["name"], body["rows_shown"]) == (200, "late_bus", False)
    assert len(body["requests"]["values"]) == 60
    assert body["unread"] == []
    for path in ("/status/other", "/status/other/requests"):
        status, body, _ = call("GET", path)
        assert status == 404
        assert "Known models: late_bus." in body["detail"]


def test_a_report_can_be_opened_for_a_while_with_signature_4(aws: Account) -> None:
    link = status_routes._sign("drift/reports/late_bus/a check.html")
    assert "/drift/reports/late_bus/a%20check.html?" in link
    assert "X-Amz-Algorithm=AWS4-HMAC-SHA256" in link
    assert f"X-Amz-Expires={status_routes.REPORT_LINK_SECONDS}" in link
    assert "response-content-type=text%2Fhtml" in link


def test_the_newest_requests_only_where_the_deployment_shows_them(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("GET", "/status/late_bus/requests")[0] == 403
    monkeypatch.setenv("EVERGREEN_REQUESTS_SHOWN", "true")
    forget()
    assert call("GET", "/status/late_bus/requests")[:2] == (200, {"requests": []})
    assert call("GET", "/status/late_bus")[1]["rows_shown"] is True


@pytest.mark.parametrize("path", ["/status", "/status/late_bus"])
def test_a_span_that_is_not_one_is_422(aws: Account, path: str) -> None:
    asked = event("GET", path) | {
        "queryStringParameters": {"span": "1y"},
        "multiValueQueryStringParameters": {"span": ["1y"]},
    }
    answer = handler(asked, CONTEXT)
    assert answer["statusCode"] == 422
    assert json.loads(answer["body"])["errors"] == [
        {"path": "span", "message": "must be one of 1h, 24h, 7d"}
    ]


@pytest.mark.parametrize("limit", ["-1", "0", "101", "many", "²"])
def test_a_number_of_requests_that_is_none_is_422(aws: Account, limit: str) -> None:
    asked = event("GET", "/status/late_bus/requests") | {
        "queryStringParameters": {"limit": limit},
        "multiValueQueryStringParameters": {"limit": [limit]},
    }
    answer = handler(asked, CONTEXT)
    assert answer["statusCode"] == 422
    assert json.loads(answer["body"])["errors"] == [
        {"path": "limit", "message": "must be a whole number from 1 to 100"}
    ]


def test_health(aws: Account) -> None:
    assert call("GET", "/ping")[:2] == (200, {"status": "ok"})
    assert call("GET", "/v2/health/live")[:2] == (200, {"live": True})
    not_ready = {"ready": False, "not_ready": ["late_bus"]}
    assert call("GET", "/v2/health/ready")[:2] == (400, not_ready)
    assert call("GET", "/v1/models/late_bus")[:2] == (503, {"name": "late_bus", "ready": False})
    promote(aws.storage(), aws.production())
    assert call("GET", "/v2/health/ready")[:2] == (200, {"ready": True, "not_ready": []})
    assert call("GET", "/v1/models/late_bus")[:2] == (200, {"name": "late_bus", "ready": True})
    assert call("GET", "/v1/models")[1] == {"models": ["late_bus"]}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/models/other"),
        ("POST", "/models/other/predict"),
        ("POST", "/models/other/ground-truth"),
        ("GET", "/v2/models/other/ready"),
        ("POST", "/v2/models/other/infer"),
        ("POST", "/v1/models/other:predict"),
        ("GET", "/v1/models/other"),
        ("GET", "/api/2.0/endpoints/other"),
        ("POST", "/endpoints/other/invocations"),
        ("DELETE", "/models/../late_bus"),
    ],
)
def test_an_unknown_model_is_404_and_the_known_ones_are_named(
    aws: Account, method: str, path: str
) -> None:
    status, content, kind = call(method, path)
    assert (status, kind) == (404, "application/problem+json")
    assert "Known models: late_bus." in content["detail"]


@pytest.mark.parametrize("path", ["/nothing", "/models/late_bus/nothing", "/v2/x"])
def test_an_unknown_path_is_404(aws: Account, path: str) -> None:
    status, content, kind = call("GET", path)
    assert (status, kind) == (404, "application/problem+json")
    assert path in content["detail"]


def test_the_page_runs_the_packaged_copy_and_nothing_else(aws: Account) -> None:
    answered = handler(event("GET", "/docs"), CONTEXT)
    policy = answered["headers"]["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self' 'sha256-")
    html = answered["body"]
    named = re.findall(r'(?:src|href)="(docs/[^"]+)" integrity="(sha384-[^"]+)"', html)
    assert {path for path, _ in named} == {f"docs/{name}" for name in PAGE_PARTS}
    for path, integrity in named:
        part = handler(event("GET", f"/{path}"), CONTEXT)
        assert part["isBase64Encoded"] is False
        assert (
            part["headers"]["content-type"].split(";")[0] == PAGE_PARTS[path.removeprefix("docs/")]
        )
        digest = hashlib.sha384(part["body"].encode()).digest()
        assert integrity == f"sha384-{base64.b64encode(digest).decode()}"
    assert call("GET", "/docs/other.js")[0] == 404


def test_the_packaged_copy_is_that_of_the_lock() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())["packages"]
    script = (COPY / "swagger-ui-bundle.js").read_text()
    assert f'"{lock["node_modules/swagger-ui-dist"]["version"]}"' in script


@pytest.mark.skipif(not INSTALLED.exists(), reason="`make setup` installs it")
def test_the_packaged_copy_is_that_of_npm() -> None:
    for file in COPY.iterdir():
        assert file.read_bytes() == (INSTALLED / file.name).read_bytes(), file.name


def test_the_document_is_openapi_and_lists_exactly_the_routes(aws: Account) -> None:
    document = call("GET", "/openapi.json")[1]
    OpenAPI.model_validate(document)
    described = {
        (path, method.upper()) for path, each in document["paths"].items() for method in each
    }
    served = {
        (route.path.replace("{model}", "late_bus"), method)
        for each in (status_routes.status_router, routes.router, *ROUTERS)
        for route in each.routes
        if isinstance(route, Route) and route.name != "docs_file"
        for method in route.methods or ()
        if method != "HEAD"
    }
    assert described == served | {("/metrics", "GET")}  # answered by export_metrics


def test_every_reference_of_the_document_leads_somewhere(aws: Account) -> None:
    document = call("GET", "/openapi.json")[1]
    names = re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document))
    assert set(names) == set(document["components"]["schemas"])


def test_every_list_says_what_it_holds(aws: Account) -> None:
    """A generator of clients leaves out what has a list without ``items``."""

    def lists(part: Any) -> Iterator[dict[str, Any]]:
        if isinstance(part, dict):
            if "array" in part.get("type", ()):
                yield part
            for each in part.values():
                yield from lists(each)
        elif isinstance(part, list):
            for each in part:
                yield from lists(each)

    found = [*lists(call("GET", "/openapi.json")[1])]
    assert found
    assert all("items" in each for each in found)


def test_every_example_body_is_one_the_model_takes(aws: Account) -> None:
    paths = call("GET", "/openapi.json")[1]["paths"]
    reader = RequestReader(DEFINITION)

    def examples(path: str) -> list[bytes]:
        content = paths[path]["post"]["requestBody"]["content"]["application/json"]
        return [json.dumps(each["value"]).encode() for each in content["examples"].values()]

    assert {reader.read(body).size for body in examples("/models/late_bus/predict")} == {1}
    assert reader.read_open_inference(examples("/v2/models/late_bus/infer")[0]).size == 1
