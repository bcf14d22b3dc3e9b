"""The application of the server: the routes of one model, and what API Gateway would do."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import Message, Receive, Scope, Send

from evergreen.serving.metric_groups import OTHER_CLASS
from functions.describe_api.routes import Catalogue, catalogue, router
from functions.predict.intake import champion_or_none
from functions.predict.protocols import ROUTERS
from functions.predict.service import recorder, service
from functions.predict.settings import settings
from functions.serve.gathered_metrics import GatheredMetrics
from functions.serve.settings import ServerSettings
from functions.shared.api import add_routes, create_api, problem, secured
from functions.shared.callers import shown_address
from functions.shared.cors import with_cors

_OPEN_PATHS = ("/", "/ping", "/docs", "/openapi.json", "/v2/health/live", "/v2/health/ready")
"""What needs no key, as in a deployment."""


def create_app(environment: ServerSettings) -> Door:
    """Return the application; it reads the settings of the prediction function too."""
    app = create_api()
    add_routes(app, ROUTERS)
    app.add_api_route("/", _to_docs, include_in_schema=False)
    app.include_router(router)
    app.dependency_overrides[catalogue] = _told(environment)
    return Door(app, environment)


class Door:
    """What stands before the routes: the key, the headers of every answer, and the metrics.

    Parameters
    ----------
    app
        The routes.
    environment
        Says which key is needed and whether metrics are written.
    """

    def __init__(self, app: FastAPI, environment: ServerSettings) -> None:
        self._app = app
        self._open = with_cors(self._through)
        self._environment = environment
        self._metrics = GatheredMetrics(recorder()) if environment.metrics else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500
        with_headers = secured(send)

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await with_headers(message)

        try:
            await self._open(scope, receive, sending)
        finally:
            milliseconds = (time.perf_counter() - started) * 1000
            self._record(scope, status, milliseconds)

    async def _through(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._refusal(scope) or self._app)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response | None:
        path = scope["path"]
        key = self._environment.key_for(path)
        if key is None or path in _OPEN_PATHS or path.startswith("/docs/"):
            return None
        request = Request(scope)
        offered = request.headers.get("x-api-key", "")
        if hmac.compare_digest(offered.encode(), key.encode()):
            return None
        return problem(request, 403, "the header x-api-key is missing or wrong")

    def end(self) -> None:
        """Write the metrics that still wait, once no more answers come."""
        if self._metrics:
            self._metrics.write()

    def _record(self, scope: Scope, status: int, milliseconds: float) -> None:
        metrics = recorder()
        if self._metrics is None:
            metrics.forget()
            return
        source_ip = shown_address(scope["client"][0] if scope.get("client") else None)
        endpoint = getattr(scope.get("route"), "path", OTHER_CLASS)
        metrics.record_answer(source_ip, endpoint, status, milliseconds)
        self._metrics.write_soon()


async def _to_docs() -> Response:
    return RedirectResponse("docs")


def _told(environment: ServerSettings) -> Callable[[], Awaitable[Catalogue]]:
    champion = champion_or_none(service())
    definition = champion.definition if champion else service().definition
    catalogue = Catalogue(
        {settings().model: definition},
        lambda: service().pointers,
        settings().version,
        "server" if environment.key is None else "server with a key",
    )

    async def of_one_model() -> Catalogue:
        return catalogue

    return of_one_model
