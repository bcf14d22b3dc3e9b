"""What every protocol does with a request: find the model, read the body, predict.

Bodies are parsed from bytes without FastAPI, because one object per value is too slow for thousands
of rows. Every endpoint is ``async``. Otherwise FastAPI would run it in a thread pool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fastapi import Request

from evergreen.errors import (
    BundleError,
    FieldError,
    NoProductionModelError,
    PointerError,
    RequestError,
    UnknownModelError,
)
from evergreen.metrics.catalog import Metric
from evergreen.serving.bodies import MAX_BYTES, require_length, unpack_body
from evergreen.serving.champion import Champion
from evergreen.serving.readers import request_reader
from evergreen.serving.requests import PredictionRequest, RequestReader
from evergreen.serving.server import Answer
from functions.predict.keys import require_key
from functions.predict.service import Service, recorder, service
from functions.shared.callers import kept_about

Read = Callable[[RequestReader, bytes], PredictionRequest]
"""Reads a body, unpacked, as the rows of a model."""


def find_service(model: str) -> Service:
    """Return the service of the function's model.

    Raises
    ------
    UnknownModelError
        If ``model`` is another one.
    """
    serving = service()
    if model != serving.definition.name:
        raise UnknownModelError(f"no model is called {model!r} here", fix="GET /models lists them.")
    return serving


def champion_or_none(serving: Service) -> Champion | None:
    """Return the champion if it loads."""
    try:
        return serving.server.champion()
    except (NoProductionModelError, PointerError, BundleError):
        return None


async def unpacked_body(request: Request) -> bytes:
    """Return the body as it was before its ``Content-Encoding``.

    Of a body that is too long no more than the limit is kept. A server without a gateway may be
    sent one of any length, and the caller hears of it once all of it is sent.
    """
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= MAX_BYTES:
            parts.append(part)
    require_length(size)
    return unpack_body(b"".join(parts), request.headers.get("content-encoding"))


async def predict_rows(
    serving: Service, request: Request, read: Read
) -> tuple[PredictionRequest, Answer]:
    """Read the rows of a request with the champion's reader, predict them and log them.

    ``?probabilities=true`` asks for the probability of every class.
    """
    require_key(request, ground_truth=False)
    probabilities = flag(request, "probabilities")
    champion, parsed = _accept(serving, await unpacked_body(request), read)
    if probabilities:
        parsed = replace(parsed, probabilities=True)
    source_ip = request.client.host if request.client else None
    caller = kept_about(source_ip, request.headers.get("user-agent"))
    return parsed, serving.predictions.predict(champion, parsed, caller)


def ignores_others(serving: Service, request: Request) -> bool:
    """Return whether columns that are no features are passed over.

    ``?extra=`` says it, or else the model's definition.
    """
    extra = _told(request, "extra", serving.definition.extra)
    if extra not in {"refuse", "ignore"}:
        raise _query_fault("extra", "refuse or ignore")
    return extra == "ignore"


def flag(request: Request, name: str) -> bool:
    """Return a query parameter that is true or false; false if it is not there."""
    text = _told(request, name, "false")
    if text not in {"true", "false"}:
        raise _query_fault(name, "true or false")
    return text == "true"


def _told(request: Request, name: str, otherwise: str) -> str:
    # Most requests have no query, and it takes time to find nothing in it.
    return (
        request.query_params.get(name, otherwise)
        if request.scope.get("query_string")
        else otherwise
    )


def _accept(serving: Service, body: bytes, read: Read) -> tuple[Champion, PredictionRequest]:
    """Return the champion and what it is to predict; tell a fault of the request before ours."""
    try:
        try:
            champion = serving.server.champion()
        except NoProductionModelError:
            read(request_reader(serving.definition), body)
            raise
        except (PointerError, BundleError) as error:
            _read_loosely(serving, body, read, error)
            raise
        return champion, read(champion.reader, body)
    except RequestError as error:
        recorder().record(Metric.INVALID_VALUES, max(1, len(error.fields)))
        raise


def _read_loosely(serving: Service, body: bytes, read: Read, error: Exception) -> None:
    """Refuse a body that no features could make right: which ones the champion takes is unknown."""
    try:
        read(request_reader(serving.definition), body)
    except RequestError as refused:
        if refused.status != 422:
            raise refused from error


def _query_fault(name: str, allowed: str) -> RequestError:
    return RequestError(
        422, "the query does not fit", (FieldError(f"?{name}", f"must be {allowed}"),)
    )
