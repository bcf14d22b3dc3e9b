"""In-process AWS for tests: real boto3 clients, which moto answers.

Moto differs from AWS in these ways, which could mislead a test:

- Firehose writes every batch to S3 at once; AWS collects records for at least a minute.
- CloudWatch lists a new metric at once; AWS takes up to 15 minutes. It computes no percentiles. It
  accepts any number of queries in a call; AWS accepts 500.
- S3 and SSM enforce no IAM policy.

Neither moto nor LocalStack can fail on demand or throttle. A test that needs this intercepts the
call with ``intercepted`` or ``failing``.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.s3.models import s3_backends

from evergreen.metrics.catalog import NAMESPACE
from evergreen.production import Production
from evergreen.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from botocore.client import BaseClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_firehose import FirehoseClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_ssm import SSMClient

REGION = "eu-central-1"
LANDING = "landing"
"""The bucket that Firehose delivers to; the data bucket holds only what a test puts there."""


class Account:
    """An AWS account with one region; ``client`` replaces our client factory."""

    def __init__(self) -> None:
        self._buckets: set[str] = set()

    def client(self, service: str, *_: Any) -> Any:
        """Return the client of a service; creating one takes longer than most tests."""
        return _client(service)

    @property
    def s3(self) -> S3Client:
        client: S3Client = _client("s3")
        return client

    @property
    def ssm(self) -> SSMClient:
        client: SSMClient = _client("ssm")
        return client

    @property
    def firehose(self) -> FirehoseClient:
        client: FirehoseClient = _client("firehose")
        return client

    @property
    def cloudwatch(self) -> CloudWatchClient:
        client: CloudWatchClient = _client("cloudwatch")
        return client

    def storage(self, bucket: str = "data") -> Storage:
        """Return a bucket; create it at first use."""
        if bucket not in self._buckets:
            where: Any = {"LocationConstraint": REGION}
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
            self._buckets.add(bucket)
        return Storage(bucket, self.s3)

    def production(self) -> Production:
        """Return the production pointers of the stage ``dev``."""
        return Production("dev", self.ssm)

    def create_stream(self, name: str) -> None:
        """Create a Firehose stream whose records ``delivered`` returns."""
        self.storage(LANDING)
        self.firehose.create_delivery_stream(
            DeliveryStreamName=name,
            ExtendedS3DestinationConfiguration={
                "RoleARN": f"arn:aws:iam::{DEFAULT_ACCOUNT_ID}:role/firehose",
                "BucketARN": f"arn:aws:s3:::{LANDING}",
                "Prefix": f"{name}/",
            },
        )

    def delivered(self, stream: str) -> list[dict[str, Any]]:
        """Return the records that a stream has delivered, in order of arrival.

        A listing does not show the order within a second, so this reads moto's own objects.
        """
        objects = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[LANDING].keys
        bodies = [each.value for key, each in objects.items() if key.startswith(f"{stream}/")]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def forget_delivered(self, stream: str) -> None:
        """Delete the records that a stream has delivered so far."""
        self.storage(LANDING).delete_below(f"{stream}/")

    def put_metric(self, name: str, moment: datetime, *values: float, **dimensions: str) -> None:
        """Put values of one of Evergreen's metrics."""
        self.cloudwatch.put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": name,
                    "Timestamp": moment,
                    "Values": values,
                    "Dimensions": [
                        {"Name": each, "Value": value} for each, value in dimensions.items()
                    ],
                }
            ],
        )


@contextmanager
def account() -> Iterator[Account]:
    """Yield a new, empty account, which lasts as long as the block."""
    with mock_aws():
        yield Account()


def refusal(code: str) -> ClientError:
    """Return the error with which AWS refuses a call, e.g. ``ThrottlingException``."""
    return ClientError({"Error": {"Code": code, "Message": code}}, "AnyOperation")


@contextmanager
def failing(client: Any, error: Exception, operation: str | None = None) -> Iterator[None]:
    """Make every call of a client, or those of one operation, fail before they are sent."""

    def fail(_: Mapping[str, Any]) -> None:
        raise error

    with intercepted(client, operation, fail):
        yield


@contextmanager
def intercepted(
    client: BaseClient,
    operation: str | None,
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = lambda _: None,
) -> Iterator[list[Mapping[str, Any]]]:
    """Intercept the calls of one operation, or of all.

    Yields the list of the calls' parameters. ``answer`` gets the parameters of one call. It returns
    AWS's response, or None to let moto respond, or raises.
    """
    calls: list[Mapping[str, Any]] = []

    def remember(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
        calls.append(params)
        context["parameters"] = params

    def reply(context: Mapping[str, Any], **_: Any) -> tuple[AWSResponse, Any] | None:
        found = answer(context["parameters"])
        return None if found is None else (AWSResponse("", 200, HTTPHeaders(), None), found)

    what = client.meta.service_model.service_id.hyphenize()
    what += f".{operation}" if operation else ""
    hooks: dict[str, Any] = {
        f"before-parameter-build.{what}": remember,
        f"before-call.{what}": reply,
    }
    for event, hook in hooks.items():
        client.meta.events.register_first(event, hook)
    try:
        yield calls
    finally:
        for event, hook in hooks.items():
            client.meta.events.unregister(event, hook)


@cache
def _client(service: str) -> Any:
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
    )
    # A test may name an endpoint for the clients of the code under test, and this one stays.
    config = Config(ignore_configured_endpoint_urls=True)  # type: ignore[call-arg] # no stub
    client = session.client(service, config=config)  # type: ignore[call-overload] # no literal
    client.meta.events.register_last("before-send", _outside)
    return client


def _outside(**_: Any) -> None:
    # Otherwise a thread that outlives its test would send a request out of this process.
    if not botocore_stubber.enabled:
        raise RuntimeError("a test called AWS outside its account")
