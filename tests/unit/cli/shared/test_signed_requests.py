"""A signed request has a signature over its body that AWS accepts."""

from __future__ import annotations

import re

import httpx
from botocore.credentials import Credentials

from cli.shared.signed_requests import SignedRequests


def sent(body: dict[str, object]) -> httpx.Request:
    found: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        found.append(request)
        return httpx.Response(200)

    auth = SignedRequests(Credentials("AKIDEXAMPLE", "secret", "token"), "eu-west-1")
    with httpx.Client(transport=httpx.MockTransport(answer), auth=auth) as client:
        client.post("https://api.example.com/ml/models/m/predict?a=1", json=body)
    return found[0]


def test_the_signature_covers_what_is_sent() -> None:
    first, second = sent({"instances": [1]}), sent({"instances": [2]})
    pattern = (
        r"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/execute-api/aws4_request, "
        r"SignedHeaders=content-type;host;x-amz-date;x-amz-security-token, "
        r"Signature=([0-9a-f]{64})"
    )
    signatures = [re.fullmatch(pattern, each.headers["authorization"]) for each in (first, second)]
    assert all(signatures)
    assert len({each[1] for each in signatures if each}) == 2
    assert first.headers["x-amz-security-token"] == "token"
