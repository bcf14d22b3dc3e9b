"""What of a deleted deployment stays is named with its cost, and what could not be deleted too."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.shared.destruction import DestructionError, delete_stacks, retained
from cli.shared.target import Target
from evergreen.clock import utc_now
from tests.support.aws_in_process import intercepted

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

SERVING = "Evergreen-dev-Serving"


@pytest.fixture
def target(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(Target, "client", lambda _, service: aws.client(service))
    aws.storage("theirs")
    return Target("dev", {"AWS_REGION": "eu-central-1"})


def test_what_stays_is_named_with_its_cost(aws: Account, target: Target) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    gone = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    aws.client("kms").schedule_key_deletion(KeyId=gone)
    kinds = [("AWS::S3::Bucket", "theirs"), ("AWS::KMS::Key", key), ("AWS::KMS::Key", gone)]
    with intercepted(aws.cloudwatch, "GetMetricStatistics", lambda _: {"Datapoints": []}):
        bucket, encryption = retained(target, kinds)
    assert bucket.dollars is None
    assert "not known yet" in bucket.what
    assert encryption.dollars == 1
    assert key in encryption.removal
    size = {"Datapoints": [{"Timestamp": utc_now(), "Average": 100.0 * 1024**3}]}
    with intercepted(aws.cloudwatch, "GetMetricStatistics", lambda _: size):
        (bucket,) = retained(target, kinds[:1])
    assert bucket.dollars == pytest.approx(2.3)
    assert "100.00 GB" in bucket.what


def test_a_stack_that_cannot_be_deleted_is_named_with_the_reason(
    aws: Account, target: Target
) -> None:
    """No emulator refuses to delete a stack."""
    failed = {"StackStatus": "DELETE_FAILED", "StackStatusReason": "the bucket is not empty"}
    client = aws.client("cloudformation")
    with (
        intercepted(client, "DeleteStack", lambda _: {}),
        intercepted(client, "DescribeStacks", lambda _: {"Stacks": [failed]}),
        pytest.raises(DestructionError, match=f"{SERVING}.*the bucket is not empty"),
    ):
        delete_stacks(target, [{"StackName": SERVING, "StackId": "arn"}], lambda _: None)
