"""Signs requests to an API that AWS identities may call (Signature Version 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.credentials import Credentials

_SERVICE = "execute-api"


class SignedRequests(httpx.Auth):
    """Signs each request with AWS credentials.

    Parameters
    ----------
    credentials
        Those of the caller.
    region
        The region of the API.
    """

    requires_request_body = True

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def auth_flow(self, request: httpx.Request) -> Iterator[httpx.Request]:  # type: ignore[override]
        """Add the signature; it covers the body and the content type."""
        signed = AWSRequest(
            request.method,
            str(request.url),
            headers={
                name: request.headers[name]
                for name in ("host", "content-type")
                if name in request.headers
            },
            data=request.content,
        )
        SigV4Auth(self._credentials.get_frozen_credentials(), _SERVICE, self._region).add_auth(
            signed
        )
        request.headers.update(dict(signed.headers.items()))
        yield request
