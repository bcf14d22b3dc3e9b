"""What the roles asked for in all the tests before, and what none of them may do.

Its name makes it run last: every function has run by then.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from cli.shared.target import Target
    from local.stack import Stack

FOREIGN = "somebody-else"
DENIED = "AccessDeniedException"  # what services of JSON call it
CALLED = (
    *("predict", "describe-api", "compact-logs", "export-metrics", "check-drift", "notify"),
    *("take-lock", "build-dataset", "train", "register-challenger", "evaluate", "promote"),
)
"""Functions that one round of the loop calls."""


@pytest.fixture(scope="module")
def roles(deployed: Target) -> dict[str, str]:
    """The ARN of each function's role, by the function's name without the stage."""
    prefix = f"evergreen-{deployed.stage}-"
    return {
        function["FunctionName"].removeprefix(prefix): function["Role"]
        for page in deployed.client("lambda").get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith(prefix)
    }


@pytest.fixture(scope="module")
def accesses(local_stack: Stack, roles: dict[str, str]) -> list[dict[str, str]]:
    """What roles of Evergreen asked for, before any test of this module."""
    assert roles
    return read_accesses(local_stack)


def read_accesses(stack: Stack) -> list[dict[str, str]]:
    lines = stack.settings.paths.accesses.read_text().splitlines()
    return [each for each in map(json.loads, lines) if each["role"].startswith("Evergreen-")]


def client(stack: Stack, service: str, **credentials: str) -> Any:
    given = credentials or {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    return boto3.client(  # type: ignore[call-overload]
        service, endpoint_url=stack.endpoint_url, region_name="us-east-1", **given
    )


def test_each_call_of_a_function_was_allowed(
    accesses: list[dict[str, str]], roles: dict[str, str]
) -> None:
    called = {
        role.rpartition("/")[2]: name for name, role in roles.items() if name.startswith(CALLED)
    }
    ours = [each for each in accesses if each["role"] in called]
    assert [each for each in ours if each["decision"] != "allowed"] == []
    ran = {called[each["role"]] for each in ours}
    assert [name for name in CALLED if not any(each.startswith(name) for each in ran)] == []


def test_what_no_function_may_do(
    deployed: Target, local_stack: Stack, roles: dict[str, str]
) -> None:
    """Three calls for each role: the whole bucket, another's parameter, a new user."""
    assert len(roles) > len(CALLED)
    sts = client(local_stack, "sts")
    for role in roles.values():
        given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
        own = {
            "aws_access_key_id": given["AccessKeyId"],
            "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"],
        }
        calls: dict[str, tuple[str, dict[str, Any]]] = {
            "s3": ("list_objects_v2", {"Bucket": deployed.output("BucketName")}),
            "ssm": ("put_parameter", {"Name": FOREIGN, "Value": "v", "Type": "String"}),
            "iam": ("create_user", {"UserName": FOREIGN}),
        }
        for service, (operation, parameters) in calls.items():
            with pytest.raises(ClientError) as refusal:
                getattr(client(local_stack, service, **own), operation)(**parameters)
            assert refusal.value.response["Error"]["Code"] in {"AccessDenied", DENIED}
    refused = {
        (each["role"], each["action"])
        for each in read_accesses(local_stack)
        if each["decision"] != "allowed"
    }
    wanted = {
        (role.rpartition("/")[2], action)
        for role in roles.values()
        for action in ("s3:ListBucket", "ssm:PutParameter", "iam:CreateUser")
    }
    assert wanted - refused == set()
