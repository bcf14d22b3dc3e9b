"""The prediction function of one model, with its account in process, and a client of it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from functions.predict.handler import handler
from functions.shared import clients
from tests.support.forgotten_settings import forget
from tests.support.gateway_events import Context, event
from tests.support.trained_models import TOML

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from tests.support.aws_in_process import Account

_CONTEXT: Any = Context()


@contextmanager
def predict_function(aws: Account, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Wire the function to an account and to a folder of models, to which its own is added."""
    aws.storage()
    for stream in ("requests", "labels"):
        aws.create_stream(stream)
    folder = models / "late_bus"
    folder.mkdir()
    (folder / "model.toml").write_text(TOML)
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODEL": "late_bus",
        "EVERGREEN_REQUEST_STREAM": "requests",
        "EVERGREEN_LABEL_STREAM": "labels",
        "EVERGREEN_MODELS": str(models),
        "EVERGREEN_VERSION": "1.2.3",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "aws_client", aws.client)
    monkeypatch.setattr("evergreen.capture.delivery.FIRST_PAUSE_SECONDS", 0)
    forget()
    yield
    forget()


class ToFunction(httpx.BaseTransport):
    """Carries requests to the handler of the function, without a network."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the function's answer."""
        body = request.read().decode() or None
        answer = handler(event(request.method, request.url.path, body), _CONTEXT)
        return httpx.Response(answer["statusCode"], text=answer["body"])
