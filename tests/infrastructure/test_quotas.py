"""The limits of AWS: counted in the templates, and kept with a hundred models."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from app import build_app
from cdk import quotas
from cdk.quotas import Limit, Usage, check_quotas, used_quotas
from evergreen.errors import EvergreenError
from tests.infrastructure.conftest import parts_of, synthesise_parts
from tests.support.templates import flat, resources

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

MANY = 100


def largest(templates: dict[str, Any]) -> dict[Limit, Usage]:
    found: dict[Limit, Usage] = {}
    for usage in used_quotas(templates):
        if usage.limit not in found or usage.used > found[usage.limit].used:
            found[usage.limit] = usage
    return found


@pytest.mark.usefixtures("aws")
def test_a_hundred_models_keep_every_limit(aws_folder: Path, models: Path, tmp_path: Path) -> None:
    """What each of the example models adds is counted, and no limit is reached by a hundred."""
    shutil.copytree(models / "flight_delay", tmp_path / "models" / "flight_delay")
    one = largest(synthesise_parts({"alert_email": "a@example.com"}, tmp_path / "models", tmp_path))
    three = largest(parts_of(aws_folder))
    assert one.keys() == three.keys()
    for limit, usage in three.items():
        each = (usage.used - one[limit].used) / 2
        expected = one[limit].used + (MANY - 1) * max(0, each)
        if limit.setting is None:
            assert expected <= limit.most, usage
        else:
            # AWS raises these two, and the setting says by how much.
            assert expected <= 750, usage


def test_a_hundred_queues_and_functions_need_one_statement_each(aws: Templates) -> None:
    (policy,) = (
        each
        for each in resources(aws["Drift"], "AWS::SQS::QueuePolicy").values()
        if "Notifications" not in flat(each["Queues"][0])
    )
    statements = policy["PolicyDocument"]["Statement"]
    rules = [each for each in statements if "ArnLike" in each.get("Condition", {})]
    assert len(rules) == 1
    source = flat(rules[0]["Condition"]["ArnLike"]["aws:SourceArn"])
    assert source.endswith(":rule/*Evergreen-dev-Drift-*")
    permissions = [
        each
        for each in resources(aws["Drift"], "AWS::Lambda::Permission").values()
        if "CheckDrift" in flat(each["FunctionName"])
    ]
    assert len(permissions) == 1
    assert flat(permissions[0]["SourceArn"]).endswith(":rule/Evergreen-dev-Drift-*")


def test_one_permission_lets_every_alarm_roll_back(aws: Templates) -> None:
    (permission,) = resources(aws["Monitoring"], "AWS::Lambda::Permission").values()
    assert permission["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"
    assert flat(permission["SourceArn"]).endswith(":alarm:evergreen-dev-*")
    rolling_back = [
        alarm
        for alarm in resources(aws["Monitoring"], "AWS::CloudWatch::Alarm").values()
        if any("roll-back" in flat(action) for action in alarm.get("AlarmActions", []))
    ]
    assert len(rolling_back) >= 6
    assert all(alarm["AlarmName"].startswith("evergreen-dev-") for alarm in rolling_back)


@pytest.mark.parametrize(
    ("limit", "template"),
    [
        (quotas.RESOURCES, {"Resources": {f"R{n}": {"Type": "X"} for n in range(501)}}),
        (quotas.OUTPUTS, {"Outputs": {f"O{n}": {} for n in range(201)}}),
        (quotas.PARAMETERS, {"Parameters": {f"P{n}": {} for n in range(201)}}),
        (quotas.TEMPLATE_BYTES, {"Description": "x" * 1_000_001}),
    ],
)
def test_a_stack_beyond_a_limit_is_found(limit: Limit, template: dict[str, Any]) -> None:
    (over,) = (each for each in used_quotas({"S": template}) if each.used > each.limit.most)
    assert (over.limit, over.place) == (limit, "S")
    assert str(limit.most) in str(over)
    assert limit.source in str(over)


def of(kind: str, *properties: dict[str, Any]) -> dict[str, Any]:
    numbered = enumerate(properties)
    return {"Resources": {f"R{n}": {"Type": kind, "Properties": each} for n, each in numbered}}


def permission(function: str) -> dict[str, Any]:
    arn = {"Fn::Join": ["", ["arn:aws:events:", {"Ref": "AWS::Region"}, ":1:rule/", "x" * 40]]}
    return {
        "FunctionName": {"Ref": function},
        "Principal": "events.amazonaws.com",
        "Action": "lambda:InvokeFunction",
        "SourceArn": arn,
    }


@pytest.mark.parametrize(
    ("limit", "template"),
    [
        (
            quotas.QUEUE_STATEMENTS,
            of("AWS::SQS::QueuePolicy", {"PolicyDocument": {"Statement": [{}] * 21}}),
        ),
        (quotas.FUNCTION_POLICY_BYTES, of("AWS::Lambda::Permission", *[permission("F")] * 50)),
        (
            quotas.ENVIRONMENT_BYTES,
            of("AWS::Lambda::Function", {"Environment": {"Variables": {"A": "x" * 4096}}}),
        ),
        (
            quotas.ROLE_POLICY_CHARACTERS,
            of("AWS::IAM::Policy", *[{"Roles": ["R"], "PolicyDocument": "x" * 5_200}] * 2),
        ),
        (quotas.RULE_TARGETS, of("AWS::Events::Rule", {"Targets": [{}] * 6})),
        (quotas.RULES, of("AWS::Events::Rule", *[{}] * 301)),
        (quotas.API_RESOURCES, of("AWS::ApiGateway::Resource", *[{}] * 300)),
        (
            quotas.STATE_MACHINE_BYTES,
            of("AWS::StepFunctions::StateMachine", {"DefinitionString": "x" * 1_048_577}),
        ),
    ],
)
def test_a_resource_beyond_a_limit_is_found(limit: Limit, template: dict[str, Any]) -> None:
    found = [each for each in used_quotas({"S": template}) if each.used > each.limit.most]
    assert limit in {each.limit for each in found}


def test_permissions_of_different_functions_are_counted_apart() -> None:
    template = of("AWS::Lambda::Permission", *[permission(f"F{n}") for n in range(100)])
    assert not [each for each in used_quotas({"S": template}) if each.used > each.limit.most]


def test_too_many_models_for_a_stack_are_told_how_many_fit(models: Path, tmp_path: Path) -> None:
    # Otherwise CDK would stop the synthesis before, with a message that says nothing of models.
    app = build_app({"emulator": "true"}, models, str(tmp_path / "app"))
    assert app.node.get_context("@aws-cdk/core:stackResourceLimit") == 0
    models_of_stage = [f"bus_stop_{number:02}" for number in range(20)]
    of_models = [f"BusStop{number:02}Part{part}" for number in range(20) for part in range(33)]
    others = [f"Other{number}" for number in range(60)]
    assembly: Any = SimpleNamespace(directory=str(tmp_path))

    def stack(names: list[str]) -> None:
        body = {"Resources": {name: {"Type": "X"} for name in names}}
        (tmp_path / "Serving.template.json").write_text(json.dumps(body))

    stack([*others, *of_models])
    with pytest.raises(EvergreenError, match="720 resources of a stack, AWS accepts 500") as no:
        check_quotas(assembly, {}, models_of_stage)
    assert "Of 20 models about 13 fit into one stage of an emulator" in str(no.value)
    assert "another `stage`" in str(no.value)
    stack([*others, *of_models[: 13 * 33]])
    check_quotas(assembly, {}, models_of_stage[:13])
