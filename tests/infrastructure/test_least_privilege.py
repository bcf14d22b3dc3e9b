"""What each role may do, and that no role may do more than its function needs."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import pytest

from cdk.acknowledgements import WITHOUT_RESOURCE
from cdk.constructs.building.functions import FUNCTION_NETWORK_ACTIONS
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates


def every_statement(templates: Templates) -> list[dict[str, Any]]:
    return [
        statement
        for template in templates.values()
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def keys_of(template: dict[str, Any], role: str, action: str) -> set[str]:
    """Return the object keys of the data bucket that a role may do ``action`` to."""
    return {
        flat(resource).split(">/", 1)[1]
        for statement in statements(template, role)
        for resource in listed(statement["Resource"])
        if action in listed(statement["Action"]) and ">/" in flat(resource)
    }


def test_predict_reads_its_bundles_and_writes_its_logs_and_nothing_else(aws: Templates) -> None:
    role = "ModelFlightDelayPredictRole"
    assert keys_of(aws["Serving"], role, "s3:GetObject") == {"bundles/flight_delay/*"}
    assert keys_of(aws["Serving"], role, "s3:PutObject") == {
        "request-log/raw/model=flight_delay/*",
        "labels/raw/model=flight_delay/*",
    }
    actions = {
        action
        for statement in statements(aws["Serving"], role)
        for action in listed(statement["Action"])
    }
    assert actions == {
        "firehose:PutRecord",
        "firehose:PutRecordBatch",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_predict_reads_one_pointer_and_puts_to_its_own_streams(aws: Templates) -> None:
    found = statements(aws["Serving"], "ModelFlightDelayPredictRole")
    targets = {
        action: {flat(resource) for resource in listed(statement["Resource"])}
        for statement in found
        for action in listed(statement["Action"])
    }
    (pointer,) = targets["ssm:GetParameter"]
    assert pointer.endswith(":parameter/evergreen/dev/flight_delay/production")
    streams = targets["firehose:PutRecordBatch"]
    assert {name.split("Stream")[0] for name in streams} == {
        "<ModelFlightDelayRequests",
        "<ModelFlightDelayLabels",
    }


@pytest.mark.parametrize(
    ("role", "action", "keys"),
    [
        ("TakeLockRole", "s3:PutObject", {"locks/*"}),
        ("TakeLockRole", "s3:DeleteObject", set()),
        ("StateMachineRole", "s3:DeleteObject", {"locks/*"}),
        ("BuildDatasetRole", "s3:PutObject", {"datasets/*"}),
        ("TrainRole", "s3:PutObject", {"registry/*"}),
        ("RegisterChallengerRole", "s3:PutObject", {"bundles/*", "registry/*"}),
        ("SetShadowRole", "s3:PutObject", set()),
        ("CompareShadowRole", "s3:PutObject", {"shadow/*"}),
        ("EvaluateRole", "s3:PutObject", {"registry/*"}),
        ("PromoteRole", "s3:PutObject", {"decisions/*", "registry/*"}),
        ("PromoteRole", "s3:DeleteObject", set()),
        ("CleanUpRole", "s3:DeleteObject", {"bundles/*", "datasets/*"}),
        ("RollBackRole", "s3:PutObject", {"decisions/*"}),
        ("RollBackRole", "s3:DeleteObject", set()),
    ],
)
def test_what_retraining_may_change(aws: Templates, role: str, action: str, keys: set[str]) -> None:
    assert keys_of(aws["Retraining"], role, action) == keys


def test_the_evaluation_reads_what_it_compares_and_no_decision(aws: Templates) -> None:
    keys = keys_of(aws["Retraining"], "EvaluateRole", "s3:GetObject")
    assert keys == {"bundles/*", "datasets/*", "registry/*"}


def test_only_what_decides_writes_a_production_pointer(aws: Templates) -> None:
    allowed = {
        flat(role)
        for template in aws.values()
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if "ssm:PutParameter" in listed(statement["Action"])
        for role in policy["Roles"]
    }
    # TakeLock and SetShadow empty and fill the shadow slot, which is part of the pointer.
    deciding, shadowing = {"<Promote", "<CleanUp", "<RollBack"}, {"<TakeLock", "<SetShadow"}
    assert {name.split("Role")[0] for name in allowed} == deciding | shadowing


def test_describe_api_reads_verdicts_and_decisions_and_changes_nothing(aws: Templates) -> None:
    role = "DescribeApiRole"
    assert keys_of(aws["Serving"], role, "s3:GetObject") == {
        "drift/*",
        "decisions/*",
        "locks/*",
        "shadow/*",
        "registry/*/report.html*",
        "request-log/raw/*",
        "labels/raw/*",
    }
    actions = {
        action
        for statement in statements(aws["Serving"], role)
        for action in listed(statement["Action"])
    }
    assert actions == {
        "cloudwatch:GetMetricData",
        "kms:Decrypt",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "states:DescribeExecution",
        "states:GetExecutionHistory",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_where_there_are_further_keys_describe_api_reads_no_rows(unusual: Templates) -> None:
    keys = keys_of(unusual["Serving"], "DescribeApiRole", "s3:GetObject")
    assert not [key for key in keys if "raw" in key]
    assert "drift/*" in keys


def test_compaction_writes_tables_and_what_it_sets_aside_and_nothing_else(aws: Templates) -> None:
    role, tables = "CompactLogsRole", {"request-log/table/*", "labels/table/*"}
    tables |= {"request-log/held/*", "labels/held/*"}
    raw = {"request-log/raw/*", "labels/raw/*"}
    # To count implausible labels it reads what a version has learnt, and no model.
    about = {"bundles/*/manifest.json*", "bundles/*/signature.json*"}
    assert keys_of(aws["Serving"], role, "s3:GetObject") == tables | raw | about
    assert keys_of(aws["Serving"], role, "s3:PutObject") == tables | {"rejected/*"}
    assert keys_of(aws["Serving"], role, "s3:DeleteObject") == tables | raw
    found = statements(aws["Serving"], role)
    actions = {action for each in found for action in listed(each["Action"])}
    # tests/infrastructure/test_lake.py has those on Glue.
    assert {action for action in actions if not action.startswith(("glue:", "iam:"))} == {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "ssm:GetParameter",
        "ssm:GetParameterHistory",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }


def test_the_drift_check_reads_no_model(aws: Templates) -> None:
    assert keys_of(aws["Drift"], "CheckDriftRole", "s3:GetObject") == {
        *("request-log/*", "labels/*", "datasets/*", "drift/*", "locks/*"),
        "bundles/*/holdout_predictions.parquet*",
        "bundles/*/manifest.json*",
        "bundles/*/signature.json*",
    }


def test_the_drift_check_writes_only_below_drift(aws: Templates) -> None:
    assert keys_of(aws["Drift"], "CheckDriftRole", "s3:PutObject") == {"drift/*"}
    assert keys_of(aws["Drift"], "CheckDriftRole", "s3:DeleteObject") == set()


def test_no_action_is_a_wildcard(aws: Templates, emulator: Templates) -> None:
    found = every_statement(aws) + every_statement(emulator)
    assert found
    assert not [action for each in found for action in listed(each["Action"]) if "*" in action]


def test_every_resource_is_only_for_actions_that_know_none(aws: Templates) -> None:
    everywhere = [
        each for each in every_statement(aws) if "*" in map(flat, listed(each["Resource"]))
    ]
    assert everywhere
    asked = {action for each in everywhere for action in listed(each["Action"])}
    assert asked <= WITHOUT_RESOURCE | {*FUNCTION_NETWORK_ACTIONS}


def test_the_code_of_a_function_in_a_network_may_not_do_what_lambda_may(fargate: Templates) -> None:
    for role in (
        "TrainRole",
        "RegisterChallengerRole",
        "EvaluateRole",
        "PromoteRole",
        "CleanUpRole",
        "MirrorRollbackRole",
    ):
        found = [
            each
            for each in statements(fargate["Retraining"], role)
            if {*FUNCTION_NETWORK_ACTIONS} <= {*listed(each["Action"])}
        ]
        assert sorted(each["Effect"] for each in found) == ["Allow", "Deny"]
        (denied,) = (each["Condition"] for each in found if each["Effect"] == "Deny")
        name = flat(denied["ArnEquals"]["lambda:SourceFunctionArn"]).rsplit(":", 1)[-1]
        assert name.replace("-", "").removeprefix("evergreendev") in role.lower()


def test_a_rollback_needs_neither_the_network_nor_a_secret(aws: Templates) -> None:
    (function,) = (
        each
        for each in resources(aws["Retraining"], "AWS::Lambda::Function").values()
        if each.get("Handler") == "functions.roll_back.handler.handler"
    )
    assert "VpcConfig" not in function
    assert not {*function["Environment"]["Variables"]} & {
        "MLFLOW_TRACKING_URI",
        "MLFLOW_CREDENTIALS_SECRET",
    }
    found = statements(aws["Retraining"], "RollBackRole")
    actions = {action for each in found for action in listed(each["Action"])}
    assert not {action for action in actions if action.startswith(("secretsmanager:", "ec2:"))}


def test_each_rollback_lets_mlflow_follow(aws: Templates, emulator: Templates) -> None:
    for templates in (aws, emulator):
        (rule,) = (
            each
            for each in resources(templates["Retraining"], "AWS::Events::Rule").values()
            if each.get("EventPattern", {}).get("detail-type") == ["Model Rolled Back"]
            and "MirrorRollback" in flat(each["Targets"][0]["Arn"])
        )
        assert rule["EventPattern"]["source"] == ["evergreen"]


def test_a_wildcard_stands_only_at_the_end_or_for_the_models(aws: Templates) -> None:
    for statement in every_statement(aws):
        for resource in map(flat, listed(statement["Resource"])):
            inner = resource.removesuffix("*")
            of_each_model = (
                "*/evergreen/dev/[*]/production",
                "*>/bundles/[*]/holdout_*.parquet",
                "*>/bundles/[*]/manifest.json",
                "*>/bundles/[*]/signature.json",
                "*>/registry/[*]/report.html",
            )
            assert "*" not in inner or any(fnmatch.fnmatch(inner, form) for form in of_each_model)


def test_listing_the_bucket_is_bound_to_prefixes(aws: Templates) -> None:
    listing = [each for each in every_statement(aws) if "s3:ListBucket" in listed(each["Action"])]
    assert listing
    for each in listing:
        # Not StringLikeIfExists: a listing without a prefix would be allowed then.
        assert set(each["Condition"]) == {"StringLike"}
        prefixes = listed(each["Condition"]["StringLike"]["s3:prefix"])
        assert prefixes
        assert all(prefix.strip("*") for prefix in prefixes)


def test_no_managed_policy_but_the_gateways_own(aws: Templates) -> None:
    managed = [
        flat(policy)
        for template in aws.values()
        for role in resources(template, "AWS::IAM::Role").values()
        for policy in role.get("ManagedPolicyArns", [])
    ]
    assert [name.rsplit("/", 1)[-1] for name in managed] == ["AmazonAPIGatewayPushToCloudWatchLogs"]


def test_the_exporter_reads_metrics_and_one_api_key_and_nothing_else(aws: Templates) -> None:
    found = statements(aws["Serving"], "ExportMetricsRole")
    actions = {action for each in found for action in listed(each["Action"])}
    assert actions == {
        "apigateway:GET",
        "cloudwatch:GetMetricData",
        "cloudwatch:ListMetrics",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    (key,) = [each["Resource"] for each in found if "apigateway:GET" in listed(each["Action"])]
    assert "/apikeys/<" in flat(key)


def test_notify_marks_publishes_and_reads_one_address_and_nothing_else(aws: Templates) -> None:
    role = "NotificationsNotifyRole"
    for action in ("s3:GetObject", "s3:PutObject"):
        assert keys_of(aws["Drift"], role, action) == {"alerts/*"}
    found = statements(aws["Drift"], role)
    assert {action for each in found for action in listed(each["Action"])} == {
        "kms:Decrypt",
        "kms:GenerateDataKey",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "sqs:GetQueueAttributes",
        "sqs:GetQueueUrl",
        "sqs:SendMessage",
        "ssm:GetParameter",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
    (address,) = [
        each["Resource"] for each in found if "ssm:GetParameter" in listed(each["Action"])
    ]
    assert flat(address).endswith(":parameter/evergreen/dev/alerts/webhook")
