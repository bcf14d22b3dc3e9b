"""Shared parts of the functions behind the REST API: problem details, and the entry point."""

from __future__ import annotations

import asyncio
import atexit
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import cache
from http import HTTPStatus
from inspect import signature
from typing import Any

from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.exceptions import HTTPClientError
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.routing import APIRoute
from mangum import Mangum
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope, Send

from evergreen.aws import OutOfTimeError
from evergreen.errors import (
    BundleError,
    EvergreenError,
    FieldError,
    LogDeliveryError,
    NoProductionModelError,
    PointerError,
    RequestError,
    UnknownModelError,
)
from evergreen.serving.metric_groups import OTHER_CLASS
from functions.shared.callers import shown_address
from functions.shared.clients import in_time
from functions.shared.cors import with_cors
from functions.shared.logs import create_logger
from functions.shared.metrics import Recorder
from functions.shared.security_headers import SECURITY

PROBLEM = "application/problem+json"
"""Media type of every error (RFC 9457)."""

_STATUS: dict[type[EvergreenError], HTTPStatus] = {
    UnknownModelError: HTTPStatus.NOT_FOUND,
    NoProductionModelError: HTTPStatus.SERVICE_UNAVAILABLE,
    PointerError: HTTPStatus.SERVICE_UNAVAILABLE,
    BundleError: HTTPStatus.SERVICE_UNAVAILABLE,
    LogDeliveryError: HTTPStatus.SERVICE_UNAVAILABLE,
}
_UNREACHED = (AwsConnectionError, HTTPClientError, OutOfTimeError)
"""The errors of a call to AWS that got no answer, or for which no time was left."""
# Mangum encodes every other type as base64, and API Gateway does not decode it for the caller.
_TEXT = ["text/", "application/json", PROBLEM]  # "application/jsonlines" begins like the second
_KSERVE = ("/v1/", "/v2/")
_SAGEMAKER = "/endpoints/"
_SECURITY = [(name.encode(), value.encode()) for name, value in SECURITY.items()]

logger = create_logger()


def answer(content: Any, status: int = 200) -> Response:  # noqa: ANN401 - any JSON value
    """Return ``content`` as JSON."""
    return Response(to_json(content), status, media_type="application/json")


def problem(
    request: Request,
    status: int,
    detail: str,
    fields: tuple[FieldError, ...] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return problem details; ``errors`` lists the fields at fault, if any.

    Clients of the other protocols read one text: ``error`` in those of KServe, ``message`` and the
    kind of error in SageMaker's.
    """
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if fields:
        body["errors"] = [{"path": field.path, "message": field.message} for field in fields]
    text = ": ".join(
        [detail, *("; ".join(f"{f.path} {f.message}" for f in fields),) * bool(fields)]
    )
    sent = dict(headers or {})
    if request.url.path.startswith(_KSERVE):
        body["error"] = text
    elif request.url.path.startswith(_SAGEMAKER):
        body["message"] = text
        ours = status >= HTTPStatus.INTERNAL_SERVER_ERROR
        sent["x-amzn-errortype"] = "ServiceUnavailable" if ours else "ValidationError"
    return Response(to_json(body), status, sent, media_type=PROBLEM)


class PlainRoute(APIRoute):
    """A route that hands its endpoint the parts of the path, and the request if it takes one.

    At each request FastAPI would look for dependencies, bodies and types, which takes longer than
    its routing; and at a cold start it would build a validator for each part of a path. So it sees
    an endpoint that takes the request alone.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        taken = signature(endpoint).parameters

        async def answer(request: Request) -> Response:
            parts: dict[str, Any] = request.path_params
            given = {"request": request, **parts} if "request" in taken else parts
            response: Response = await endpoint(**given)
            return response

        options["name"] = options.get("name") or endpoint.__name__
        super().__init__(path, answer, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer: Callable[[Request], Coroutine[Any, Any, Response]] = self.endpoint
        return answer


def add_routes(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Add routes of :class:`PlainRoute` to an application as they are.

    ``include_router`` makes each of them anew at the first request, with prefixes and dependencies
    that these do not have, and looks for them in two steps at every request.
    """
    for router in routers:
        app.router.routes.extend(router.routes)


def create_api() -> FastAPI:
    """Return an application that answers every error with problem details.

    It serves no documentation of its own. One document describes the whole API, see
    :mod:`functions.shared.openapi`.
    """
    return FastAPI(
        openapi_url=None,
        redirect_slashes=False,
        # Each answer would look for who takes FastAPI's own spans.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        exception_handlers={
            EvergreenError: _refuse,
            HTTPException: _no_route,
            **dict.fromkeys(_UNREACHED, _fail_unreached),
            Exception: _fail,
        },
    )


def adapt(app: FastAPI) -> Callable[[dict[str, Any], Any, Recorder], dict[str, Any]]:
    """Return the handler that turns API Gateway's events into requests to ``app``, and back.

    It records each answer. The path of a v1 event does not start with the stage. At a domain of its
    own the API may lie below a base path, which is removed.
    """
    asyncio.set_event_loop(_event_loop())  # Mangum needs one at once
    endpoint = OTHER_CLASS
    open_to_pages = with_cors(app)

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal endpoint
        try:
            await open_to_pages(scope, receive, secured(send))
        finally:
            endpoint = getattr(scope.get("route"), "path", OTHER_CLASS)

    mangum = Mangum(routed, lifespan="off", text_mime_types=_TEXT)

    def run(event: dict[str, Any], context: Any, recorder: Recorder) -> dict[str, Any]:  # noqa: ANN401 - Lambda's
        # After a call of asyncio.run() in this process the thread has no loop.
        asyncio.set_event_loop(_event_loop())
        started = time.perf_counter()
        with in_time(context):
            answered: dict[str, Any] = mangum(without_base_path(event), context)
        milliseconds = (time.perf_counter() - started) * 1000
        identity = event.get("requestContext", {}).get("identity", {})
        source_ip = shown_address(identity.get("sourceIp"))
        recorder.record_answer(source_ip, endpoint, answered["statusCode"], milliseconds)
        return answered

    return run


def without_base_path(event: dict[str, Any]) -> dict[str, Any]:
    """Return the event with the path that the API's resources have.

    At a domain name with a base path, API Gateway puts that before the path. The resource and its
    parameters say what follows it.
    """
    route = str(event.get("resource") or "")
    for name, value in (event.get("pathParameters") or {}).items():
        route = route.replace(f"{{{name}+}}", value).replace(f"{{{name}}}", value)
    path = str(event["path"])
    if route == path or not route.startswith("/"):
        return event
    below = path if path.endswith("/") else path + "/"
    if path.endswith(route) or (route == "/" and below.endswith(route)):
        return {**event, "path": route}
    return event


def secured(send: Send) -> Send:
    """Add the headers of every answer."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *_SECURITY]
        await send(message)

    return sending


@cache
def _event_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    atexit.register(loop.close)
    return loop


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, RequestError):
        return problem(request, error.status, error.what, error.fields)
    status = next(
        (status for kind, status in _STATUS.items() if isinstance(error, kind)),
        HTTPStatus.INTERNAL_SERVER_ERROR,
    )
    if status == HTTPStatus.INTERNAL_SERVER_ERROR:
        return await _fail(request, error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("not served", exc_info=error)
    return problem(request, status, str(error))


async def _fail_unreached(request: Request, error: Exception) -> Response:
    logger.error("AWS did not answer in time", exc_info=error)
    return problem(
        request, HTTPStatus.SERVICE_UNAVAILABLE, "a service that this needs did not answer in time"
    )


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else HTTPStatus.NOT_FOUND
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = error.headers if isinstance(error, HTTPException) else None
        detail = f"{request.url.path} does not take {request.method}"
        return problem(request, status, detail, headers=allowed)
    return problem(
        request, status, f"there is nothing at {request.url.path}; GET /docs lists what there is"
    )


async def _fail(request: Request, error: Exception) -> Response:
    logger.error("unexpected error", exc_info=error)
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "an unexpected error; it was logged")
