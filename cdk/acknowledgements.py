"""Acknowledged findings of cdk-nag, each with its reason."""

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
        "Callers are programs with an API key under a usage plan. Only three routes are open. "
        "Health and the description of the API show nothing of a model or its log. The metrics' "
        "function compares the key itself, because Prometheus sends it as a bearer token."
    ),
    "COG4": "Callers are programs with an API key, not people who sign in.",
    (
        "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/"
        "service-role/AmazonAPIGatewayPushToCloudWatchLogs]"
    ): "The role with which API Gateway writes its logs takes exactly this policy.",
    "ECS2": (
        "The environment holds only names and addresses; passwords come from Secrets Manager."
    ),
    "SQS3": "The queues are dead-letter queues themselves; an alarm watches them.",
    "L1": (
        "The locks are resolved and tested for Python 3.13. A newer runtime follows when every "
        "dependency has wheels for it."
    ),
    "RDS11": "Another port would protect nothing; the security group admits only MLflow's tasks.",
    "SMG4": (
        "Tasks read these only when they start, so an automatic rotation would lock them out. "
        "docs/services.md has the steps to change each by hand. With another secret the hashed "
        "addresses of the request log could no longer be compared with the earlier ones."
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
    r":function:evergreen-[a-z0-9]+-(compact-logs|prepare-query):\*": (
        "The versions of one function of another stack."
    ),
    (
        r":ExportsOutputFnGetAttData\w+Arn\w+/bundles/\*/"
        r"(holdout_predictions\.parquet|manifest\.json|signature\.json)\*"
    ): "The files that describe each bundle, and no model.",
    r":ExportsOutputFnGetAttData\w+Arn\w+/registry/\*/report\.html\*": (
        "The evaluation reports that the status page links, and nothing else of a run."
    ),
    r":parameter/evergreen/[a-z0-9]+/\*/production": (
        "The production pointers of every model of this stage, and no other parameter."
    ),
    r":table/evergreen_[a-z0-9]+/\*": (
        "The tables of this stage's database: the compaction makes one for each model."
    ),
    r":log-group:/aws-glue/iceberg-[a-z-]+/logs:\*": (
        "The log streams of Glue's table optimizers, in the groups that Glue has for them."
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
"""The resources that may end in a wildcard, with the reason."""

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
"""Actions that IAM cannot limit to resources."""


def acknowledge(scope: IConstruct, *, production: bool) -> None:
    """Acknowledge the findings with a reason below ``scope``.

    A wildcard is acknowledged by its exact finding, and only if it has one of the forms above. Any
    other wildcard stays a finding and stops the synthesis.
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
                yield finding, "IAM cannot limit these to resources (X-Ray, log delivery, metrics)."
            if resource == "*" and set(_listed(statement["Action"])) <= {*FUNCTION_NETWORK_ACTIONS}:
                yield finding, "Lambda attaches the function to a VPC; its code may not do that."
            at_a_job = {*JOB_NETWORK_ACTIONS, "ecr:GetAuthorizationToken"}
            if resource == "*" and set(_listed(statement["Action"])) == at_a_job:
                yield finding, "SageMaker attaches a job to a VPC and signs in to ECR."
            for form, reason in _WILDCARDS.items():
                if re.search(f"{form}$", resource):
                    yield finding, reason


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 - CloudFormation has one or a list
    return value if isinstance(value, list) else [value]


def _flat(value: Any) -> str:  # noqa: ANN401 - a string or any intrinsic function
    """Return a resource's name in a finding of cdk-nag."""
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
