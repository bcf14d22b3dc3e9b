"""AWS without a network: botocore serialises, signs and parses, and no byte is sent.

It imports nothing of Evergreen, so that it can stand in an interpreter that has only a deployment's
layers.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "measured"
BUCKET = "data"
ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "EVERGREEN_STAGE": "dev",
    "EVERGREEN_BUCKET": BUCKET,
    "EVERGREEN_MODEL": MODEL,
    "EVERGREEN_REQUEST_STREAM": "requests",
    "EVERGREEN_LABEL_STREAM": "labels",
    "EVERGREEN_VERSION": "0",
    "PYDANTIC_DISABLE_PLUGINS": "__all__",
}
"""What the prediction function reads from its environment, beside ``EVERGREEN_MODELS``."""
POINTER = "pointer.json"
"""The file beside the bucket's objects that holds the production pointer."""
_TAKEN = {
    "Encrypted": False,
    "FailedPutCount": 0,
    "RequestResponses": [{"RecordId": "5b0ab0b26f394b439f0d0a9c2c5f7f55" * 4}],
}


class StubbedAws:
    """Answers the calls of a prediction function from a folder.

    Parameters
    ----------
    folder
        It has the bucket's objects by key, and the pointer.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._taken = json.dumps(_TAKEN).encode()
        pointer = (folder / POINTER).read_text()
        self._parameter = json.dumps({"Parameter": {"Value": pointer, "Version": 1}}).encode()

    def attach(self, emitter: Any) -> None:
        """Answer every call of a client or of all clients of a session."""
        register = getattr(emitter, "register", None) or emitter.meta.events.register
        register("before-send", self._answer)

    def _answer(self, request: Any, **_: object) -> Any:
        target = str(request.headers.get("X-Amz-Target", ""))
        if "PutRecordBatch" in target:
            return _response(request.url, self._taken)
        if "GetParameter" in target:
            return _response(request.url, self._parameter)
        key = unquote(urlsplit(request.url).path).removeprefix(f"/{BUCKET}/").lstrip("/")
        return _response(request.url, (self._folder / key).read_bytes(), ETag='"made-up"')


class _Raw(io.BytesIO):
    """A body as urllib3 hands it to botocore."""

    def stream(self, amt: int = 1024, **_: object) -> Any:
        while part := self.read(amt):
            yield part


def _response(url: str, body: bytes, **headers: str) -> Any:
    sent = HTTPHeaders()
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        sent[name] = value
    response: Any = AWSResponse(url, 200, sent, _Raw(body))
    if not headers:
        response._content = body  # the attribute in which botocore keeps a body that it has read
    return response
