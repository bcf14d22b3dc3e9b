"""A client that encodes quickly sends what botocore would have sent."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ParamValidationError

from evergreen.capture.batch_encoding import encode_batches_quickly

ANSWER = b'{"FailedPutCount":0,"RequestResponses":[{"RecordId":"1"}]}'
RECORDS = [[b"{}\n"], [b"", bytes(range(256)) * 3, "Köln\n".encode()], [b'"\\/' * 1000] * 500]


class Wire:
    """A client whose requests end here; those are what would have been sent."""

    def __init__(self) -> None:
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        config = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg] # no stub
        self.client: Any = session.create_client("firehose", "eu-central-1", config=config)
        self.sent: list[Any] = []
        self.client.meta.events.register("before-send", self._take)

    def _take(self, request: Any, **_: Any) -> Any:
        self.sent.append(request)
        response: Any = AWSResponse(request.url, 200, HTTPHeaders(), None)
        response._content = ANSWER
        return response

    def put(self, records: list[bytes]) -> Any:
        data = [{"Data": record} for record in records]
        return self.client.put_record_batch(DeliveryStreamName="requests", Records=data)


@pytest.mark.parametrize("records", RECORDS)
def test_the_request_is_botocores_own(records: list[bytes]) -> None:
    usual, quick = Wire(), Wire()
    encode_batches_quickly(quick.client)
    assert usual.put(records)["RequestResponses"] == quick.put(records)["RequestResponses"]
    [one], [other] = usual.sent, quick.sent
    assert json.loads(one.body) == json.loads(other.body)
    assert one.headers.keys() == other.headers.keys()
    differ = {"Authorization", "X-Amz-Date", "amz-sdk-invocation-id", "Content-Length"}
    for name in one.headers.keys() - differ:
        assert one.headers[name] == other.headers[name], name
    assert int(other.headers["Content-Length"]) == len(other.body)


def test_a_wrong_call_is_still_refused() -> None:
    quick = Wire()
    encode_batches_quickly(quick.client)
    with pytest.raises(ParamValidationError):
        quick.client.put_record_batch(DeliveryStreamName=1, Records=[{"Data": b""}])
    assert not quick.sent
