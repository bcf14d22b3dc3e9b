"""What a call needs: the actions and resources of each operation of the services that we use.

The names are those of the Service Authorization Reference:
docs.aws.amazon.com/service-authorization/latest/reference/
An operation that is not in the tables needs the action of its own name. Its resource is ``*`` if
its service is not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from evergreen_strict_localstack.iam.policy import Access


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an AWS API.

    Parameters
    ----------
    service, operation
        botocore's names.
    parameters
        The call's parameters, as botocore names them.
    account, region
        Where it goes.
    method, path
        Those of the HTTP request.
    """

    service: str
    operation: str
    parameters: Mapping[str, Any]
    account: str
    region: str
    method: str = "POST"
    path: str = "/"

    def get(self, *names: str) -> str:
        """Return the first of the parameters that is given; empty if none is."""
        return next((str(self.parameters[n]) for n in names if self.parameters.get(n)), "")

    def arn(self, resource: str, service: str = "") -> str:
        """Return the ARN of a resource in the call's account and region; an ARN as it is."""
        if resource.startswith("arn:"):
            return resource
        return f"arn:aws:{service or self.service}:{self.region}:{self.account}:{resource}"


type Read = Callable[[Call], Iterator[Access]]

FREE = {("sts", "GetCallerIdentity"), ("sts", "GetSessionToken")}
"""What no policy can refuse, and needs none to allow."""
PREFIXES = {"stepfunctions": "states"}
"""Action prefixes that differ from botocore's names."""


def accesses(call: Call) -> list[Access]:
    """Return what the call's caller must be allowed to do."""
    if (call.service, call.operation) in FREE:
        return []
    return list(_READERS.get(call.service, _unknown)(call))


def _action(call: Call, name: str = "") -> str:
    return f"{PREFIXES.get(call.service, call.service)}:{name or call.operation}"


def _unknown(call: Call) -> Iterator[Access]:
    yield Access(_action(call), "*")


_S3_ACTIONS = {
    "HeadObject": "GetObject",
    "GetObjectAttributes": "GetObject",
    "SelectObjectContent": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "DeleteObjects": "DeleteObject",
    "ListBuckets": "ListAllMyBuckets",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
}
_S3_VERSIONED = {"GetObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion"}
_S3_LISTED = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}


def _s3(call: Call) -> Iterator[Access]:
    name = _S3_ACTIONS.get(call.operation, call.operation)
    if call.parameters.get("VersionId"):
        name = _S3_VERSIONED.get(name, name)
    bucket, key = call.get("Bucket"), call.get("Key")
    if call.operation == "DeleteObjects":
        for each in call.parameters["Delete"]["Objects"]:
            action = _S3_VERSIONED[name] if each.get("VersionId") else name
            yield Access(f"s3:{action}", f"arn:aws:s3:::{bucket}/{each['Key']}")
        return
    if source := call.get("CopySource"):
        path, _, version = unquote(source).lstrip("/").partition("?versionId=")
        yield Access("s3:GetObjectVersion" if version else "s3:GetObject", f"arn:aws:s3:::{path}")
    context = {
        condition: (str(call.parameters[name]),)
        for name, condition in _S3_LISTED.items()
        if call.parameters.get(name) is not None
    }
    resource = f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    yield Access(f"s3:{name}", resource if bucket else "*", context)
    if call.get("Tagging") and name == "PutObject":
        yield Access("s3:PutObjectTagging", resource)


def _ssm(call: Call) -> Iterator[Access]:
    if call.operation == "DescribeParameters":
        yield from _unknown(call)
        return
    names = call.parameters.get("Names") or [call.get("Name", "Path", "ResourceId")]
    for name in names:
        plain = name if name.startswith("arn:") else name.partition(":")[0]
        resource = call.arn(plain if plain.startswith("arn:") else f"parameter/{plain.lstrip('/')}")
        yield Access(_action(call), resource)


def _secretsmanager(call: Call) -> Iterator[Access]:
    secret = call.get("SecretId", "Name")
    # A policy names a secret with the six characters that its ARN ends with.
    resource = secret if secret.startswith("arn:") else f"secret:{secret}-??????"
    yield Access(_action(call), call.arn(resource) if secret else "*")


def _events(call: Call) -> Iterator[Access]:
    def bus(name: str) -> str:
        return call.arn(name if name.startswith("arn:") else f"event-bus/{name or 'default'}")

    if call.operation == "PutEvents":
        for entry in call.parameters["Entries"]:
            context = {
                condition: (str(entry[name]),)
                for name, condition in (
                    ("Source", "events:source"),
                    ("DetailType", "events:detail-type"),
                )
                if entry.get(name)
            }
            yield Access(_action(call), bus(entry.get("EventBusName", "")), context)
        return
    rule = call.get("Rule", "Name", "ResourceARN")
    if "Rule" in call.operation or "Targets" in call.operation:
        own = call.get("EventBusName").rpartition("/")[2]
        place = f"{own}/" if own and own != "default" else ""
        yield Access(_action(call), call.arn(f"rule/{place}{rule or '*'}"))
    else:
        yield Access(_action(call), bus(rule))


def _states(call: Call) -> Iterator[Access]:
    arn = call.get("stateMachineArn", "executionArn", "resourceArn", "mapRunArn")
    yield Access(_action(call), arn or "*")


def _cloudwatch(call: Call) -> Iterator[Access]:
    context = {}
    if call.operation == "PutMetricData":
        context["cloudwatch:namespace"] = (call.get("Namespace"),)
    if call.operation in {"DescribeAlarms", "DescribeAlarmHistory"}:
        yield Access(_action(call), call.arn("alarm:*"))
    elif alarm := call.get("AlarmName"):
        yield Access(_action(call), call.arn(f"alarm:{alarm}"))
    elif alarms := call.parameters.get("AlarmNames"):
        for each in alarms:
            yield Access(_action(call), call.arn(f"alarm:{each}"))
    elif dashboard := call.get("DashboardName"):
        yield Access(_action(call), f"arn:aws:cloudwatch::{call.account}:dashboard/{dashboard}")
    else:
        yield Access(_action(call), "*", context)


def _logs(call: Call) -> Iterator[Access]:
    group, stream = call.get("logGroupName"), call.get("logStreamName")
    given = call.get("logGroupIdentifier", "logGroupArn").removesuffix(":*")
    # CloudWatch Logs names a group with the `:*` of all its streams.
    resource = given or call.arn(f"log-group:{group or '*'}")
    of_stream = call.operation in {"PutLogEvents", "GetLogEvents", "DeleteLogStream"}
    yield Access(_action(call), f"{resource}:log-stream:{stream}" if of_stream else f"{resource}:*")


def _lambda(call: Call) -> Iterator[Access]:
    name = "InvokeFunction" if call.operation in {"Invoke", "InvokeAsync"} else call.operation
    function, qualifier = call.get("FunctionName", "Resource"), call.get("Qualifier")
    if function and not function.startswith("arn:"):
        function = f"function:{function.rpartition('function:')[2]}"
    if qualifier and not function.endswith(f":{qualifier}"):
        function = f"{function}:{qualifier}"
    layer = call.get("LayerName")
    resource = function or (layer and f"layer:{layer}")
    yield Access(_action(call, name), call.arn(resource) if resource else "*")


def _firehose(call: Call) -> Iterator[Access]:
    name = call.get("DeliveryStreamName")
    yield Access(_action(call), call.arn(f"deliverystream/{name}") if name else "*")


def _sns(call: Call) -> Iterator[Access]:
    name = "Publish" if call.operation == "PublishBatch" else call.operation
    arn = call.get("TopicArn", "TargetArn", "SubscriptionArn", "ResourceArn")
    yield Access(_action(call, name), arn or "*")


def _sqs(call: Call) -> Iterator[Access]:
    name = call.operation.removesuffix("Batch")
    url = call.get("QueueUrl")
    queue = url.rpartition("/")[2] if url else call.get("QueueName")
    yield Access(_action(call, name), call.arn(queue) if queue else "*")


def _apigateway(call: Call) -> Iterator[Access]:
    path = call.path.partition("/restapis")
    resource = f"{path[1]}{path[2]}" if path[1] else call.path
    yield Access(f"apigateway:{call.method}", f"arn:aws:apigateway:{call.region}::{resource}")


def _sts(call: Call) -> Iterator[Access]:
    yield Access(_action(call), call.get("RoleArn") or "*")


_READERS: Mapping[str, Read] = {
    "s3": _s3,
    "ssm": _ssm,
    "secretsmanager": _secretsmanager,
    "events": _events,
    "stepfunctions": _states,
    "cloudwatch": _cloudwatch,
    "logs": _logs,
    "lambda": _lambda,
    "firehose": _firehose,
    "sns": _sns,
    "sqs": _sqs,
    "apigateway": _apigateway,
    "sts": _sts,
}
