"""What the stacks contain: protection of the data, the API, the schedules, the emulator's part."""

from __future__ import annotations

import json
import shutil
import tomllib
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from app import build_app
from cdk.constructs.building.assets import ROOT
from evergreen.metrics.catalog import NAMESPACE, NO_MODEL, Metric
from evergreen.model_definition import find_definition
from functions.shared.openapi import describe
from local.localstack import KEPT_BUCKETS
from tests.support.templates import flat, resources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

MODELS = ("daily_ridership", "flight_delay", "flight_duration")
OPEN_TO_ALL = {"/", "/ping", "/docs", "/docs/{proxy+}", "/openapi.json", "/v2/health/{proxy+}"}
OPEN_AT_THE_GATEWAY = {"/metrics"}  # its function compares the key itself


MODELS_OF_TWO_KINDS = ("flight_delay", "night_flights")


def kinds(templates: Templates) -> set[str]:
    return {item["Type"] for each in templates.values() for item in each["Resources"].values()}


def functions(templates: Templates) -> dict[str, dict[str, Any]]:
    return {
        properties["FunctionName"]: properties
        for template in templates.values()
        for properties in resources(template, "AWS::Lambda::Function").values()
    }


def test_the_loop_has_five_stacks_and_services_are_beside_it_only_where_asked_for(
    aws: Templates, emulator: Templates, fargate: Templates
) -> None:
    names = {"Storage", "Serving", "Drift", "Retraining", "Monitoring"}
    assert set(emulator) == names
    assert set(aws) == names
    assert set(fargate) - names == {"Network", "Tracking", "Grafana", "Queries"}


def test_no_bucket_is_public_and_all_are_encrypted_and_tls_only(aws: Templates) -> None:
    buckets = resources(aws["Storage"], "AWS::S3::Bucket")
    assert len(buckets) == 2
    policies = resources(aws["Storage"], "AWS::S3::BucketPolicy").values()
    for name, bucket in buckets.items():
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["BucketEncryption"]
        (policy,) = (each for each in policies if each["Bucket"] == {"Ref": name})
        denied = [s for s in policy["PolicyDocument"]["Statement"] if s["Effect"] == "Deny"]
        assert {"Bool": {"aws:SecureTransport": "false"}} in [s["Condition"] for s in denied]


def test_the_data_bucket_is_under_a_rotated_key_and_keeps_old_versions(aws: Templates) -> None:
    (key,) = resources(aws["Storage"], "AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    buckets = resources(aws["Storage"], "AWS::S3::Bucket")
    (data,) = (each for name, each in buckets.items() if name.startswith("Data"))
    (rule,) = data["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert data["VersioningConfiguration"] == {"Status": "Enabled"}
    expiring = {
        each["Prefix"]: each["ExpirationInDays"]
        for each in data["LifecycleConfiguration"]["Rules"]
        if "Prefix" in each
    }
    # No raw object goes by its age alone: compaction removes what a table holds.
    assert expiring == {"alerts/": 90}


def test_data_outlive_their_stack_and_on_a_laptop_the_access_log_does_not(
    aws: Templates, emulator: Templates
) -> None:
    for templates, of_log in ((aws, "Retain"), (emulator, "Delete")):
        found = {
            name: item["DeletionPolicy"]
            for name, item in templates["Storage"]["Resources"].items()
            if item["Type"] == "AWS::S3::Bucket"
        }
        assert {policy for name, policy in found.items() if name.startswith("Data")} == {"Retain"}
        assert {policy for name, policy in found.items() if name.startswith("Acc")} == {of_log}


def test_the_data_bucket_has_the_name_that_a_laptop_keeps_and_any_on_aws(
    aws: Templates, emulator: Templates
) -> None:
    names = [
        bucket.get("BucketName")
        for templates in (emulator, aws)
        for bucket in resources(templates["Storage"], "AWS::S3::Bucket").values()
    ]
    [kept] = [name for name in names if name]
    assert fnmatchcase(kept, KEPT_BUCKETS)


def test_only_health_and_documentation_are_open(aws: Templates) -> None:
    serving = aws["Serving"]
    parents = resources(serving, "AWS::ApiGateway::Resource")

    def path_of(resource: Any) -> str:
        match resource:
            case {"Ref": name}:
                parent = path_of(parents[name]["ParentId"])
                return f"{parent.rstrip('/')}/{parents[name]['PathPart']}"
        return "/"

    methods = resources(serving, "AWS::ApiGateway::Method").values()
    opened = {path_of(each["ResourceId"]) for each in methods if not each.get("ApiKeyRequired")}
    assert opened == OPEN_TO_ALL | OPEN_AT_THE_GATEWAY
    assert {"/models/flight_delay/{proxy+}", "/v2/models/flight_delay/{proxy+}"} <= {
        path_of(each["ResourceId"]) for each in methods
    }


def test_what_the_gateway_refuses_itself_is_counted(aws: Templates, emulator: Templates) -> None:
    found = [
        each["MetricTransformations"][0]
        for each in resources(aws["Serving"], "AWS::Logs::MetricFilter").values()
    ]
    assert {(each["MetricNamespace"], each["MetricName"]) for each in found} == {
        (NAMESPACE, Metric.GATEWAY_REFUSALS)
    }
    dimensions = [{each["Key"]: each["Value"] for each in one["Dimensions"]} for one in found]
    total = {"model": "$.model"}
    assert sorted(dimensions, key=len) == [total, {**total, "status": "$.status"}]
    (stage,) = resources(aws["Serving"], "AWS::ApiGateway::Stage").values()
    line = json.loads(stage["AccessLogSetting"]["Format"])
    assert line["model"] == NO_MODEL
    assert line["refusal"] == "$context.error.responseType"
    assert line["status"] == "$context.status"
    assert not resources(emulator["Serving"], "AWS::Logs::MetricFilter")


def test_what_the_gateway_refuses_itself_is_a_problem_of_the_document_too(
    aws: Templates, fargate: Templates
) -> None:
    """The emulator sends its own body, so the template alone shows what AWS sends."""
    definition = find_definition(ROOT / "models", "flight_delay")
    document = describe({definition.name: definition}, "1")
    shape = document["components"]["schemas"]["Problem"]
    predict = document["paths"]["/models/flight_delay/predict"]["post"]["responses"]
    for templates in (aws, fargate):
        found = {}
        refusals = resources(templates["Serving"], "AWS::ApiGateway::GatewayResponse").values()
        for each in refusals:
            if each["ResponseType"].startswith("DEFAULT_"):
                continue
            problem = json.loads(each["ResponseTemplates"]["application/json"])
            assert str(problem["status"]) == each["StatusCode"]
            assert problem["detail"] == problem["error"] == problem["message"]
            assert {*shape["required"]} <= problem.keys() <= shape["properties"].keys()
            kind = each["ResponseParameters"]["gatewayresponse.header.content-type"]
            assert kind == "'application/problem+json'"
            assert kind.strip("'") in predict[each["StatusCode"]]["content"]
            found[each["ResponseType"]] = each["StatusCode"]
        assert found["INVALID_API_KEY"] == found["ACCESS_DENIED"] == "403"
        assert found["THROTTLED"] == "429"
        assert found["REQUEST_TOO_LARGE"] == "413"


def test_the_api_key_is_there_before_the_functions_that_compare_it(aws: Templates) -> None:
    (key,) = resources(aws["Serving"], "AWS::ApiGateway::ApiKey").values()
    assert "StageKeys" not in key  # the stage is made last, when all functions are there
    (plan,) = resources(aws["Serving"], "AWS::ApiGateway::UsagePlan").values()
    assert len(plan["ApiStages"]) == 1
    exporter = functions(aws)["evergreen-dev-export-metrics"]
    assert exporter["Environment"]["Variables"]["EVERGREEN_API_KEY_ID"]["Ref"]


def test_predictions_come_from_the_live_alias_and_a_snapshot(aws: Templates) -> None:
    aliases = resources(aws["Serving"], "AWS::Lambda::Alias").values()
    assert [alias["Name"] for alias in aliases] == ["live"] * len(MODELS)
    for model in MODELS:
        predict = functions(aws)[f"evergreen-dev-predict-{model}"]
        assert predict["SnapStart"] == {"ApplyOn": "PublishedVersions"}


def test_firehose_writes_plain_json_lines_below_a_plain_prefix(aws: Templates) -> None:
    streams = resources(aws["Serving"], "AWS::KinesisFirehose::DeliveryStream").values()
    targets = [stream["ExtendedS3DestinationConfiguration"] for stream in streams]
    assert {target["Prefix"] for target in targets} == {
        f"{table}/raw/model={model}/" for table in ("request-log", "labels") for model in MODELS
    }
    assert {target["CompressionFormat"] for target in targets} == {"UNCOMPRESSED"}
    assert not [target for target in targets if "DynamicPartitioningConfiguration" in target]


def test_the_deployment_may_shorten_the_time_that_firehose_collects(
    aws: Templates, emulator: Templates
) -> None:
    for templates, seconds in ((aws, 60), (emulator, 1)):
        streams = resources(templates["Serving"], "AWS::KinesisFirehose::DeliveryStream").values()
        hints = [each["ExtendedS3DestinationConfiguration"]["BufferingHints"] for each in streams]
        assert hints == [{"IntervalInSeconds": seconds, "SizeInMBs": 5}] * 2 * len(MODELS)


def test_every_function_keeps_its_log_no_longer_than_told(aws: Templates) -> None:
    groups = [
        group
        for template in aws.values()
        for group in resources(template, "AWS::Logs::LogGroup").values()
    ]
    names = {group["LogGroupName"] for group in groups}
    assert {f"/aws/lambda/{name}" for name in functions(aws)} <= names
    assert {group["RetentionInDays"] for group in groups} == {30}


def test_the_emulator_has_nothing_of_its_own_and_leaves_out_what_it_cannot_do(
    aws: Templates, emulator: Templates
) -> None:
    snapshots = {"AWS::Lambda::Version", "AWS::Lambda::Alias"}  # it cannot move an alias
    loop = {name: aws[name] for name in emulator}  # the services run beside it on a laptop
    assert not kinds(emulator) - kinds(loop)
    # The catalogue of the tables is an SQL database there, and no access log is written.
    others = {"AWS::Glue::Database", "AWS::Logs::MetricFilter"}
    assert kinds(loop) - kinds(emulator) == snapshots | others
    assert set(functions(aws)) == set(functions(emulator))


def test_no_custom_resource_anywhere(aws: Templates, emulator: Templates) -> None:
    found = kinds(aws) | kinds(emulator)
    assert not [kind for kind in found if kind.startswith("Custom::") or "CustomResource" in kind]
    runtimes = {each.get("Runtime") for each in [*functions(aws).values()]}
    assert runtimes == {None, "python3.13"}


def test_images_on_aws_are_zips_that_name_them_on_the_emulator(
    aws: Templates, emulator: Templates
) -> None:
    images = {n: each for n, each in functions(aws).items() if each.get("PackageType") == "Image"}
    assert len(images) == 9
    for name, image in images.items():
        copy = functions(emulator)[name]
        assert image["ImageConfig"]["Command"] == [copy["Handler"]]
        expected = "drift" if name.endswith("check-drift") else "training"
        assert copy["Environment"]["Variables"]["EVERGREEN_IMAGE"] == expected


def test_scikit_learn_serves_from_the_image_that_trains(
    unusual: Templates, unusual_emulator: Templates
) -> None:
    name = "evergreen-dev-predict-night_flights"
    by_onnx, by_sklearn = (functions(unusual)[f"{name[:-13]}{m}"] for m in MODELS_OF_TWO_KINDS)
    assert (by_onnx["Runtime"], by_sklearn["PackageType"]) == ("python3.13", "Image")
    assert by_sklearn["ImageConfig"]["Command"] == [by_onnx["Handler"]]
    assert by_sklearn["MemorySize"] == by_onnx["MemorySize"]
    told = [each["Environment"]["Variables"] for each in functions(unusual).values()]
    assert {each["EVERGREEN_TRUSTED_TYPES"] for each in told} == {
        "evergreen_model_night_flights.Gap"
    }
    for model in MODELS_OF_TWO_KINDS:  # one asks for it, and of the other a version needs it
        copy = functions(unusual_emulator)[f"{name[:-13]}{model}"]
        assert copy["Environment"]["Variables"]["EVERGREEN_IMAGE"] == "training"
    aliases = resources(unusual["Serving"], "AWS::Lambda::Alias").values()
    assert len([each for each in aliases if each["Name"] == "live"]) == 2


def test_the_emulators_periods_replace_the_models(aws: Templates, emulator: Templates) -> None:
    def checks(templates: Templates) -> list[tuple[str, str]]:
        rules = resources(templates["Drift"], "AWS::Events::Rule").values()
        return [
            (rule["ScheduleExpression"], flat(rule["Targets"][0]["Input"]))
            for rule in rules
            if "ScheduleExpression" in rule
        ]

    assert {rate for rate, _ in checks(emulator)} == {"rate(1 minute)"}
    assert [body for _, body in checks(emulator)] == [body for _, body in checks(aws)]
    assert "rate(1 minute)" not in {rate for rate, _ in checks(aws)}
    variables = functions(emulator)["evergreen-dev-check-drift"]["Environment"]["Variables"]
    assert variables["EVERGREEN_COOLDOWN"] == "1 second"


def test_alerts_are_encrypted_and_tell_of_drift(aws: Templates) -> None:
    (topic,) = resources(aws["Drift"], "AWS::SNS::Topic").values()
    assert topic["KmsMasterKeyId"]
    rules = resources(aws["Drift"], "AWS::Events::Rule").values()
    (alert,) = (rule for rule in rules if "EventPattern" in rule)
    assert {
        *("Data Drift Detected", "Drift Cleared", "Performance Degraded", "Performance Recovered"),
        *("Model Promoted", "Challenger Rejected", "Model Rolled Back", "Retraining Failed"),
    } == {*alert["EventPattern"]["detail-type"]}
    (target,) = alert["Targets"]
    assert flat(target["Arn"]).startswith("<NotificationsNotify")
    found = resources(aws["Drift"], "AWS::SNS::Subscription").values()
    subscriptions = {each["Protocol"]: each for each in found}
    assert set(subscriptions) == {"email", "lambda"}
    assert subscriptions["email"]["Endpoint"] == "a@example.com"
    # CloudWatch's alarms, and not what the function itself puts on the topic.
    assert subscriptions["lambda"]["FilterPolicyScope"] == "MessageBody"
    assert subscriptions["lambda"]["FilterPolicy"] == {"AlarmName": [{"exists": True}]}


def test_an_alert_that_cannot_be_delivered_is_tried_again_and_kept(aws: Templates) -> None:
    configs = resources(aws["Drift"], "AWS::Lambda::EventInvokeConfig").values()
    (retry,) = (each for each in configs if "Notify" in flat(each["FunctionName"]))
    assert (retry["MaximumRetryAttempts"], retry["MaximumEventAgeInSeconds"]) == (2, 6 * 3600)
    kept = flat(retry["DestinationConfig"]["OnFailure"]["Destination"])
    assert "NotificationsDeadLetters" in kept


def test_the_address_of_the_webhook_is_named_and_not_told(aws: Templates) -> None:
    variables = functions(aws)["evergreen-dev-notify"]["Environment"]["Variables"]
    assert variables["EVERGREEN_ALERT_WEBHOOK_PARAMETER"] == "/evergreen/dev/alerts/webhook"


def test_what_the_command_line_reads_is_there(aws: Templates) -> None:
    outputs = {name for template in aws.values() for name in template.get("Outputs", {})}
    assert {
        "ApiUrl",
        "RestApiId",
        "ApiStage",
        "ApiKeyId",
        "BucketName",
        "EventBusName",
        "StateMachineArn",
        "DriftFunctionName",
        "CompactLogsFunctionName",
        "PredictFunctionNameFlightDelay",
    } <= outputs


def test_a_new_model_is_a_new_folder(unusual_emulator: Templates) -> None:
    assert "evergreen-dev-predict-night_flights" in functions(unusual_emulator)
    rules = resources(unusual_emulator["Drift"], "AWS::Events::Rule").values()
    inputs = [flat(rule["Targets"][0].get("Input")) for rule in rules]
    assert any('"model":"night_flights"' in body for body in inputs)


def test_a_permission_too_wide_stops_the_synthesis(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "flight_delay", tmp_path / "models" / "flight_delay")
    app = build_app({}, tmp_path / "models", str(tmp_path / "out"))
    stack = Stack.of(app.node.find_child("Evergreen-dev-Storage"))
    everything = iam.PolicyStatement(actions=["s3:*"], resources=["*"])
    user = iam.Role(stack, "Wide", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    user.add_to_policy(everything)
    with pytest.raises(RuntimeError, match=r"Wide.*\s.*IAM5\[Action::s3:\*\]"):
        app.synth()


def test_every_function_is_told_the_version_of_the_project(aws: Templates) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    told = [
        properties["Environment"]["Variables"]["EVERGREEN_VERSION"]
        for properties in functions(aws).values()
    ]
    assert len(told) > 10
    assert set(told) == {project["version"]}


def test_where_mlflow_is_its_lines_take_the_functions_form(fargate: Templates) -> None:
    with_mlflow = {
        name: properties["Environment"]["Variables"]
        for name, properties in functions(fargate).items()
        if "MLFLOW_TRACKING_URI" in properties["Environment"]["Variables"]
    }
    assert with_mlflow
    assert {each.get("MLFLOW_CONFIGURE_LOGGING") for each in with_mlflow.values()} == {"false"}
    assert {each.get("MLFLOW_DISABLE_TELEMETRY") for each in with_mlflow.values()} == {"true"}


def tags_of(properties: dict[str, Any]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in properties["Tags"]}


def test_the_bill_can_be_told_apart_by_stage_owner_and_model(aws: Templates) -> None:
    tagged = [
        each["Properties"]["Tags"]
        for template in aws.values()
        for each in template["Resources"].values()
        if isinstance(each.get("Properties", {}).get("Tags"), list)
    ]
    assert len(tagged) > 50
    common = {"project": "evergreen", "stage": "dev", "owner": "team data"}
    for tags in tagged:
        assert common.items() <= tags_of({"Tags": tags}).items()
    for name, function in functions(aws).items():
        model = name.removeprefix("evergreen-dev-predict-") if "predict-" in name else None
        assert tags_of(function).get("model") == model
