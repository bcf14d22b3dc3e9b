"""AWS in the process of a test: real boto3 clients, answered by moto.

Where moto differs from AWS, and a test could be misled:

- Firehose writes every batch to S3 at once; AWS collects records for at least a minute.
- CloudWatch lists a new metric at once, where AWS takes up to 15 minutes; it computes no
  percentiles; and it takes any number of queries in a call, where AWS takes 500.
- S3 and SSM forgive what IAM would refuse: no policy is enforced.

It never fails on demand and never throttles, and neither does LocalStack. A test that needs this
takes the call away from moto with ``intercepted`` or ``failing``.
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
"""The bucket that Firehose delivers into; the data bucket holds nothing but what we put there."""


class Account:
    """An AWS account with one region; ``client`` takes the place of our client factory."""

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
        """Return a bucket, created when it is asked for first."""
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
        """Return what a stream has delivered, in the order in which it came.

        A listing does not tell the order within a second, so moto's own objects are read.
        """
        objects = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets[LANDING].keys
        bodies = [each.value for key, each in objects.items() if key.startswith(f"{stream}/")]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    def forget_delivered(self, stream: str) -> None:
        """Delete what a stream has delivered so far."""
        self.storage(LANDING).delete_below(f"{stream}/")

    def put_metric(self, name: str, moment: datetime, *values: float, **dimensions: str) -> None:
        """Put values of a metric of ours."""
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
    """Give a new, empty account for as long as the block runs."""
    with mock_aws():
        yield Account()


def refusal(code: str) -> ClientError:
    """Return the error with which AWS refuses a call, e.g. ``ThrottlingException``."""
    return ClientError({"Error": {"Code": code, "Message": code}}, "AnyOperation")


@contextmanager
def failing(client: Any, error: Exception) -> Iterator[None]:
    """Let every call of a client fail before it is sent."""

    def fail(_: Mapping[str, Any]) -> None:
        raise error

    with intercepted(client, None, fail):
        yield


@contextmanager
def intercepted(
    client: BaseClient,
    operation: str | None,
    answer: Callable[[Mapping[str, Any]], Mapping[str, Any] | None] = lambda _: None,
) -> Iterator[list[Mapping[str, Any]]]:
    """Look at the calls of an operation, or of all, and answer them in moto's place.

    Yields the list of the calls' parameters. ``answer`` gets the parameters of one call; it
    returns AWS's answer, or None where moto is to give it, or raises.
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
    # A thread that outlives its test would else send a request out of this process.
    if not botocore_stubber.enabled:
        raise RuntimeError("a test called AWS outside its account")
