"""Events as API Gateway (REST, v1) sends them to a proxy integration."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

STAGE = "prod"


@dataclass
class Context:
    """The context that Lambda passes to a handler with the event."""

    function_name: str = "predict"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:000000000000:function:predict"
    aws_request_id: str = "6f2c1a34-0d8e-4f0c-9a56-2b1f7c3d9e80"
    remaining_milliseconds: int = 29_000

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_milliseconds


def event(method: str, path: str, body: Any = None, *, base64_body: bool = False) -> dict[str, Any]:
    text = body if body is None or isinstance(body, str) else json.dumps(body)
    if base64_body and text is not None:
        text = base64.b64encode(text.encode()).decode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "Host": "abcdef1234.execute-api.eu-central-1.amazonaws.com",
        "User-Agent": "curl/8.5.0",
        "X-Forwarded-For": "192.0.2.7",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
    }
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"proxy": path.lstrip("/")},
        "stageVariables": None,
        "requestContext": {
            "resourceId": "abc123",
            "resourcePath": "/{proxy+}",
            "httpMethod": method,
            "extendedRequestId": "JKJaXmPLvHcESHA=",
            "requestTime": "04/May/2026:12:30:00 +0000",
            "path": f"/{STAGE}{path}",
            "accountId": "000000000000",
            "protocol": "HTTP/1.1",
            "stage": STAGE,
            "domainPrefix": "abcdef1234",
            "requestTimeEpoch": 1777897800000,
            "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "identity": {
                "accountId": None,
                "apiKey": "test-invoke-api-key",
                "caller": None,
                "sourceIp": "192.0.2.7",
                "user": None,
                "userAgent": "curl/8.5.0",
                "userArn": None,
            },
            "domainName": "abcdef1234.execute-api.eu-central-1.amazonaws.com",
            "apiId": "abcdef1234",
        },
        "body": text,
        "isBase64Encoded": base64_body,
    }
