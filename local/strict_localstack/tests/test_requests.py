"""Each call needs the actions and resources that the Service Authorization Reference names."""

from __future__ import annotations

from typing import Any

import pytest

from evergreen_strict_localstack.iam.policy import Access
from evergreen_strict_localstack.iam.refusal import refusal
from evergreen_strict_localstack.iam.requests import Call, accesses

HERE = "eu-central-1:000000000000"
OBJECT = {"Bucket": "b", "Key": "k/x"}


def needs(service: str, operation: str, parameters: dict[str, Any], **more: str) -> list[Access]:
    return accesses(Call(service, operation, parameters, "000000000000", "eu-central-1", **more))


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "wanted"),
    [
        ("s3", "GetObject", OBJECT, ["s3:GetObject arn:aws:s3:::b/k/x"]),
        ("s3", "HeadObject", OBJECT, ["s3:GetObject arn:aws:s3:::b/k/x"]),
        (
            "s3",
            "GetObject",
            {**OBJECT, "VersionId": "1"},
            ["s3:GetObjectVersion arn:aws:s3:::b/k/x"],
        ),
        ("s3", "UploadPart", OBJECT, ["s3:PutObject arn:aws:s3:::b/k/x"]),
        (
            "s3",
            "CopyObject",
            {**OBJECT, "CopySource": "a/c%20d?versionId=1"},
            ["s3:GetObjectVersion arn:aws:s3:::a/c d", "s3:PutObject arn:aws:s3:::b/k/x"],
        ),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2", "VersionId": "v"}]}},
            ["s3:DeleteObject arn:aws:s3:::b/1", "s3:DeleteObjectVersion arn:aws:s3:::b/2"],
        ),
        ("s3", "HeadBucket", {"Bucket": "b"}, ["s3:ListBucket arn:aws:s3:::b"]),
        ("s3", "ListBuckets", {}, ["s3:ListAllMyBuckets *"]),
        (
            "ssm",
            "GetParameters",
            {"Names": ["/a/b", "c:3"]},
            [
                f"ssm:GetParameters arn:aws:ssm:{HERE}:parameter/a/b",
                f"ssm:GetParameters arn:aws:ssm:{HERE}:parameter/c",
            ],
        ),
        (
            "secretsmanager",
            "GetSecretValue",
            {"SecretId": "s"},
            [f"secretsmanager:GetSecretValue arn:aws:secretsmanager:{HERE}:secret:s-??????"],
        ),
        (
            "events",
            "PutEvents",
            {"Entries": [{"EventBusName": "bus"}, {}]},
            [
                f"events:PutEvents arn:aws:events:{HERE}:event-bus/bus",
                f"events:PutEvents arn:aws:events:{HERE}:event-bus/default",
            ],
        ),
        (
            "events",
            "PutRule",
            {"Name": "r", "EventBusName": "bus"},
            [f"events:PutRule arn:aws:events:{HERE}:rule/bus/r"],
        ),
        ("stepfunctions", "StartExecution", {"stateMachineArn": "m"}, ["states:StartExecution m"]),
        ("stepfunctions", "SendTaskSuccess", {"taskToken": "t"}, ["states:SendTaskSuccess *"]),
        (
            "cloudwatch",
            "SetAlarmState",
            {"AlarmName": "a"},
            [f"cloudwatch:SetAlarmState arn:aws:cloudwatch:{HERE}:alarm:a"],
        ),
        ("cloudwatch", "GetMetricData", {}, ["cloudwatch:GetMetricData *"]),
        (
            "logs",
            "PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s"},
            [f"logs:PutLogEvents arn:aws:logs:{HERE}:log-group:g:log-stream:s"],
        ),
        (
            "logs",
            "CreateLogStream",
            {"logGroupName": "g", "logStreamName": "s"},
            [f"logs:CreateLogStream arn:aws:logs:{HERE}:log-group:g:*"],
        ),
        (
            "lambda",
            "Invoke",
            {"FunctionName": "f", "Qualifier": "live"},
            [f"lambda:InvokeFunction arn:aws:lambda:{HERE}:function:f:live"],
        ),
        (
            "lambda",
            "Invoke",
            {"FunctionName": f"arn:aws:lambda:{HERE}:function:f"},
            [f"lambda:InvokeFunction arn:aws:lambda:{HERE}:function:f"],
        ),
        (
            "firehose",
            "PutRecordBatch",
            {"DeliveryStreamName": "d"},
            [f"firehose:PutRecordBatch arn:aws:firehose:{HERE}:deliverystream/d"],
        ),
        ("sns", "PublishBatch", {"TopicArn": "t"}, ["sns:Publish t"]),
        (
            "sqs",
            "SendMessageBatch",
            {"QueueUrl": "http://x/000000000000/q"},
            [f"sqs:SendMessage arn:aws:sqs:{HERE}:q"],
        ),
        ("sts", "AssumeRole", {"RoleArn": "r"}, ["sts:AssumeRole r"]),
        ("sts", "GetCallerIdentity", {}, []),
        ("dynamodb", "GetItem", {"TableName": "t"}, ["dynamodb:GetItem *"]),
    ],
)
def test_what_a_call_needs(
    service: str, operation: str, parameters: dict[str, Any], wanted: list[str]
) -> None:
    found = needs(service, operation, parameters)
    assert [f"{each.action} {each.resource}" for each in found] == wanted


def test_a_listing_has_its_prefix_only_if_it_names_one() -> None:
    (with_prefix,) = needs("s3", "ListObjectsV2", {"Bucket": "b", "Prefix": "raw/"})
    assert with_prefix.context == {"s3:prefix": ("raw/",)}
    (without,) = needs("s3", "ListObjectsV2", {"Bucket": "b"})
    assert without.context == {}


def test_metrics_are_told_apart_by_namespace_and_events_by_source() -> None:
    (access,) = needs("cloudwatch", "PutMetricData", {"Namespace": "Shop"})
    assert access.context == {"cloudwatch:namespace": ("Shop",)}
    (access,) = needs("events", "PutEvents", {"Entries": [{"Source": "s", "DetailType": "d"}]})
    assert access.context == {"events:source": ("s",), "events:detail-type": ("d",)}


def test_api_gateway_is_asked_by_method_and_path() -> None:
    (access,) = needs("apigateway", "GetRestApis", {}, method="GET", path="/restapis")
    assert (access.action, access.resource) == (
        "apigateway:GET",
        "arn:aws:apigateway:eu-central-1::/restapis",
    )


def test_the_answer_is_that_of_aws() -> None:
    denied = refusal("s3", "me", Access("s3:GetObject", "arn:aws:s3:::b/k"), "implicitDeny")
    assert (denied.code, denied.status) == ("AccessDenied", 403)
    assert denied.message == (
        'User: me is not authorized to perform: s3:GetObject on resource: "arn:aws:s3:::b/k" '
        "because no identity-based policy allows the s3:GetObject action"
    )
    denied = refusal("ssm", "me", Access("ssm:GetParameter", "p"), "explicitDeny")
    assert (denied.code, denied.status) == ("AccessDeniedException", 400)
    assert denied.message.endswith(": p with an explicit deny in an identity-based policy")
