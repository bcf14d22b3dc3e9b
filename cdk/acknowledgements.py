"""Findings of cdk-nag that stand, each with its reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam

from cdk.constructs.building.functions import FUNCTION_NETWORK_ACTIONS
from cdk.constructs.retraining.training_job import JOB_NETWORK_ACTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from constructs import IConstruct

_PREFIX = "AwsSolutions::AwsSolutions-"

_REASONS = {
    "APIG2": (
        "The functions validate every body against the model's definition and answer with the "
        "path of each wrong field, which the gateway's validator cannot."
    ),
    "APIG3": (
        "A web ACL costs by the month whether or not there is traffic. Callers need an API key, "
        "and stage and usage plan throttle them; an account that has an ACL can attach it."
    ),
    "APIG4": (
        "Callers are programs with an API key under a usage plan. Open are only health and the "
        "description of the API, neither of which tells what a model or its log holds, and the "
        "metrics, whose function compares the key itself: Prometheus sends it as a bearer token."
    ),
    "COG4": "Callers are programs with an API key, not people who sign in.",
    (
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
    ): "The role with which API Gateway writes its logs takes exactly this policy.",
    "ECS2": (
        "What is in the environment are names and places; passwords come from Secrets Manager."
    ),
    "SQS3": "The queues are where undeliverable events end; nothing is behind them but an alarm.",
    "L1": (
        "Python 3.13 is what the locks are resolved and tested for; a newer runtime comes when "
        "every dependency has wheels for it."
    ),
    "RDS11": "Which port it is keeps nobody out; its security group admits MLflow's tasks alone.",
    "SMG4": (
        "Tasks read these when they start and would be locked out by a rotation they do not see; "
        "docs/services.md has the steps of changing each by hand."
    ),
}

_REASONS_BEFORE_PRODUCTION = {
    "RDS3": "A second zone doubles the price; a stage that is not production can wait for one.",
    "RDS10": "A stage that is not production may be taken down; a last snapshot is kept.",
}

_WILDCARDS = {
    r":ExportsOutputFnGetAttData\w+Arn\w+/[a-z]+(-[a-z]+)*/(.+/)?\*": (
        "Objects below one prefix of the data bucket: their names are not known beforehand."
    ),
    r":ExportsOutputFnGetAttData\w+Arn\w+/bundles/\*/holdout_predictions\.parquet\*": (
        "One file beside every bundle of every model, and no model itself."
    ),
    r":parameter/evergreen/[a-z0-9]+/\*/production": (
        "The production pointers of every model of this stage, and no other parameter."
    ),
    r":execution:evergreen-[a-z0-9]+-train-evaluate-promote:\*": (
        "The executions of one state machine: their names are not known beforehand."
    ),
    r":training-job/evergreen-\*": (
        "Training jobs of this state machine: their names are made when they start."
    ),
    r":log-group:/aws/sagemaker/TrainingJobs:\*": (
        "The log streams of training jobs, in the one group that SageMaker has for them."
    ),
    r"<Artifacts\w+\.Arn>/artifacts/\*": (
        "MLflow's artifacts: their names are not known beforehand."
    ),
    r"<\w+Function\w+\.Arn>:\*": "The versions of one function of this stack.",
}
"""Which resources may end in a wildcard."""

WITHOUT_RESOURCE = {
    "cloudwatch:DescribeAlarmHistory",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:DescribeAlarmsForMetric",
    "cloudwatch:GetMetricData",
    "cloudwatch:ListMetrics",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    *("ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel"),
    *("ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel"),
}
"""Actions that know no resource."""


def acknowledge(scope: IConstruct, *, production: bool) -> None:
    """Acknowledge below ``scope`` every finding that stands.

    A wildcard is acknowledged by its exact finding, and only where it has one of the forms
    above: any other stays a finding and stops the synthesis.
    """
    _acknowledge(scope, _REASONS if production else _REASONS | _REASONS_BEFORE_PRODUCTION)
    for construct in scope.node.find_all():
        if isinstance(construct, iam.CfnPolicy):
            document = Stack.of(construct).resolve(construct.policy_document)
            _acknowledge(construct, dict(_wildcards(document["Statement"])))


def _acknowledge(scope: IConstruct, reasons: dict[str, str]) -> None:
    rules = [Acknowledgment(id=_PREFIX + rule, reason=why) for rule, why in reasons.items()]
    if rules:
        Validations.of(scope).acknowledge(*rules)


def _wildcards(statements: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for statement in statements:
        for resource in map(_flat, _listed(statement["Resource"])):
            finding = f"IAM5[Resource::{resource}]"
            if resource == "*" and set(_listed(statement["Action"])) <= WITHOUT_RESOURCE:
                yield finding, "These actions know no resource (X-Ray, delivery of logs, metrics)."
            if resource == "*" and set(_listed(statement["Action"])) <= {*FUNCTION_NETWORK_ACTIONS}:
                yield finding, "How Lambda attaches a function to a VPC; its code is denied it."
            at_a_job = {*JOB_NETWORK_ACTIONS, "ecr:GetAuthorizationToken"}
            if resource == "*" and set(_listed(statement["Action"])) == at_a_job:
                yield finding, "How SageMaker attaches a job to a VPC and signs in to ECR."
            for form, reason in _WILDCARDS.items():
                if re.search(f"{form}$", resource):
                    yield finding, reason


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - CloudFormation has one or a list
    return value if isinstance(value, list) else [value]


def _flat(value: Any) -> str:  # noqa: ANN401 - a string or any intrinsic function
    """Write a resource as cdk-nag names it in a finding."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(map(_flat, parts))
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::ImportValue": name}:
            return str(name)
    return str(value)
