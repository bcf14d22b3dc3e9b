"""In a real LocalStack: a function may do what its role allows, and is told so as by AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

from local.lambda_executor.tests.harness import Function, wait_for, zipped

if TYPE_CHECKING:
    from local.lambda_executor.tests.harness import Emulator

ACT = """
import os
def handle(event, context):
    return {name: os.environ[name] for name in
            ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::shop/open/*"},
        {
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": "arn:aws:s3:::shop",
            "Condition": {"StringLike": {"s3:prefix": ["open/*"]}},
        },
        {
            "Effect": "Allow",
            "Action": "ssm:GetParameter",
            "Resource": "arn:aws:ssm:*:*:parameter/open",
        },
        {
            "Effect": "Allow",
            "Action": "cloudwatch:PutMetricData",
            "Resource": "*",
            "Condition": {"StringEquals": {"cloudwatch:namespace": "Shop"}},
        },
        {
            "Effect": "Allow",
            "Action": ["sqs:SendMessage", "sqs:GetQueueUrl"],
            "Resource": "arn:aws:sqs:*:*:open",
        },
        {"Effect": "Deny", "Action": "sns:*", "Resource": "*"},
        {
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda/reader:*",
        },
    ],
}


@pytest.fixture(scope="module")
def function(strict: Emulator) -> dict[str, str]:
    """The credentials of a function whose role has the policy."""
    iam, functions = strict.client("iam"), strict.client("lambda")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]
    iam.put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=json.dumps(POLICY))
    s3 = strict.client("s3")
    s3.create_bucket(
        Bucket="shop", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    s3.put_object(Bucket="shop", Key="open/a", Body=b"a")
    s3.put_object(Bucket="shop", Key="closed/a", Body=b"a")
    for name in ("/open", "/closed"):
        strict.client("ssm").put_parameter(Name=name, Value="v", Type="String")
    strict.client("sqs").create_queue(QueueName="open")
    strict.client("logs").create_log_group(logGroupName="/aws/lambda/reader")
    functions.create_function(
        FunctionName="reader",
        Runtime="python3.13",
        Role=role["Arn"],
        Handler="handler.handle",
        Code={"ZipFile": zipped({"handler.py": ACT})},
    )
    found = Function("reader", strict, functions)
    found.settle()
    credentials: dict[str, str] = found.invoke().value
    return credentials


def client(strict: Emulator, service: str, credentials: dict[str, str]) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=strict.url,
        region_name="eu-central-1",
        **{name.lower(): value for name, value in credentials.items()},
    )


def test_what_the_role_allows(strict: Emulator, function: dict[str, str]) -> None:
    def of(service: str) -> Any:
        return client(strict, service, function)

    assert of("s3").get_object(Bucket="shop", Key="open/a")["Body"].read() == b"a"
    assert of("s3").list_objects_v2(Bucket="shop", Prefix="open/")["KeyCount"] == 1
    assert of("ssm").get_parameter(Name="/open")["Parameter"]["Value"] == "v"
    of("cloudwatch").put_metric_data(
        Namespace="Shop", MetricData=[{"MetricName": "m", "Value": 1.0}]
    )
    queue = of("sqs").get_queue_url(QueueName="open")["QueueUrl"]
    assert of("sqs").send_message(QueueUrl=queue, MessageBody="m")["MessageId"]
    identity = of("sts").get_caller_identity()["Arn"]
    assert identity.endswith(":assumed-role/reader/reader")


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "code", "status", "action"),
    [
        ("s3", "get_object", {"Bucket": "shop", "Key": "closed/a"}, *("AccessDenied", 403), ""),
        ("s3", "list_objects_v2", {"Bucket": "shop"}, *("AccessDenied", 403), "s3:ListBucket"),
        (
            "s3",
            "put_object",
            {"Bucket": "shop", "Key": "open/a", "Body": b"b"},
            *("AccessDenied", 403),
            "s3:PutObject",
        ),
        (
            "ssm",
            "get_parameter",
            {"Name": "/closed"},
            *("AccessDeniedException", 400),
            "ssm:GetParameter",
        ),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "Other", "MetricData": [{"MetricName": "m", "Value": 1.0}]},
            *("AccessDenied", 403),
            "cloudwatch:PutMetricData",
        ),
        (
            "sns",
            "publish",
            {"TopicArn": "arn:aws:sns:eu-central-1:000000000000:t", "Message": "m"},
            *("AuthorizationError", 403),
            "explicit deny",
        ),
        (
            "sqs",
            "get_queue_url",
            {"QueueName": "closed"},
            *("AccessDenied", 403),
            "sqs:GetQueueUrl",
        ),
        (
            "lambda",
            "invoke",
            {"FunctionName": "reader"},
            *("AccessDeniedException", 403),
            "lambda:InvokeFunction",
        ),
        ("stepfunctions", "list_state_machines", {}, *("AccessDeniedException", 400), "states:"),
    ],
)
def test_what_it_does_not_allow(
    strict: Emulator,
    function: dict[str, str],
    service: str,
    operation: str,
    parameters: dict[str, Any],
    code: str,
    status: int,
    action: str,
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(strict, service, function), operation)(**parameters)
    answer = caught.value.response
    assert answer["Error"]["Code"] == code
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == status
    assert action in answer["Error"]["Message"]
    assert ":assumed-role/reader/reader is not authorized" in answer["Error"]["Message"]


def test_its_log_is_complete_without_the_right_to_create_the_group(
    strict: Emulator, function: dict[str, str]
) -> None:
    assert function

    def lines() -> list[str]:
        found = strict.client("logs").filter_log_events(logGroupName="/aws/lambda/reader")
        return [event["message"].split(" ")[0] for event in found["events"]]

    assert wait_for(lines, "the log") == ["START", "END", "REPORT"]


def test_an_object_that_does_not_exist_is_hidden_from_who_may_not_list_the_bucket(
    strict: Emulator, function: dict[str, str]
) -> None:
    for call, codes in (
        ("get_object", ["AccessDenied", "NoSuchKey"]),
        ("head_object", ["403", "404"]),
    ):
        found = []
        for s3 in (client(strict, "s3", function), strict.client("s3")):
            with pytest.raises(ClientError) as caught:
                getattr(s3, call)(Bucket="shop", Key="open/absent")
            found.append(caught.value.response["Error"]["Code"])
        assert found == codes


def test_a_developer_may_do_everything(strict: Emulator) -> None:
    assert strict.client("s3").get_object(Bucket="shop", Key="closed/a")["Body"].read() == b"a"
