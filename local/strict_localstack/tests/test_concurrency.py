"""What a template reserves is the most that runs at once."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from local.lambda_executor.tests.harness import Emulator

CODE = """
import time
def handle(event, context):
    time.sleep(event)
"""


def template(reserved: int | None) -> str:
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "lambda.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                    }
                ],
            }
        },
    }
    function: dict[str, Any] = {
        "FunctionName": "reserved",
        "Runtime": "python3.13",
        "Handler": "index.handle",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Code": {"ZipFile": CODE},
        "Timeout": 20,
    }
    if reserved is not None:
        function["ReservedConcurrentExecutions"] = reserved
    resources = {"Role": role, "F": {"Type": "AWS::Lambda::Function", "Properties": function}}
    return json.dumps({"Resources": resources})


def test_a_template_reserves_concurrency_and_calls_beyond_it_are_throttled(
    strict: Emulator,
) -> None:
    stacks, functions = strict.client("cloudformation"), strict.client("lambda")

    def reserved() -> int | None:
        found = functions.get_function_concurrency(FunctionName="reserved")
        number: int | None = found.get("ReservedConcurrentExecutions")
        return number

    def deploy(number: int | None, *, first: bool = False) -> None:
        act = stacks.create_stack if first else stacks.update_stack
        act(StackName="reserved", TemplateBody=template(number), Capabilities=["CAPABILITY_IAM"])
        stacks.get_waiter("stack_create_complete" if first else "stack_update_complete").wait(
            StackName="reserved", WaiterConfig={"Delay": 1}
        )

    deploy(1, first=True)
    assert reserved() == 1

    def invoke(_: int) -> tuple[str, int]:
        try:
            answer = functions.invoke(FunctionName="reserved", Payload=b"3")
        except ClientError as error:
            answer = error.response
        return answer.get("Error", {}).get("Code", ""), answer["ResponseMetadata"]["HTTPStatusCode"]

    with ThreadPoolExecutor(3) as pool:
        answers = sorted(pool.map(invoke, range(3)))
    assert answers == [("", 200), *2 * [("TooManyRequestsException", 429)]]
    deploy(None)
    assert reserved() is None
