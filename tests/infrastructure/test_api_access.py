"""Who may call the API, at which address, and how new code of a model takes over."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdk.settings import Settings, read_settings
from evergreen.errors import EvergreenError
from tests.infrastructure.test_stacks import OPEN_AT_THE_GATEWAY, OPEN_TO_ALL
from tests.support.templates import resources

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates


def test_each_named_key_has_a_plan_of_its_own(fargate: Templates) -> None:
    names = {
        each["Name"] for each in resources(fargate["Serving"], "AWS::ApiGateway::ApiKey").values()
    }
    assert names == {"evergreen-dev", "evergreen-dev-partner"}
    plans = resources(fargate["Serving"], "AWS::ApiGateway::UsagePlan").values()
    found = {each["UsagePlanName"]: each for each in plans}
    assert found.keys() == names
    partner = found["evergreen-dev-partner"]
    assert partner["Throttle"] == {"RateLimit": 5, "BurstLimit": 200}
    assert partner["Quota"] == {"Limit": 1000, "Period": "MONTH"}
    assert "Quota" not in found["evergreen-dev"]


def test_every_route_but_the_open_ones_needs_a_signature_where_asked_for(
    fargate: Templates,
) -> None:
    methods = [*resources(fargate["Serving"], "AWS::ApiGateway::Method").values()]
    kinds = [each["AuthorizationType"] for each in methods]
    assert kinds.count("NONE") == len(OPEN_TO_ALL | OPEN_AT_THE_GATEWAY)
    assert set(kinds) == {"NONE", "AWS_IAM"}
    assert not any(each.get("ApiKeyRequired") for each in methods)
    outputs = fargate["Serving"]["Outputs"]
    assert outputs["ApiAuthorization"]["Value"] == "iam"


def test_the_api_answers_at_a_domain_below_a_path(fargate: Templates) -> None:
    (domain,) = resources(fargate["Serving"], "AWS::ApiGateway::DomainName").values()
    assert domain["DomainName"] == "api.example.com"
    assert domain["SecurityPolicy"] == "TLS_1_2"
    (mapping,) = resources(fargate["Serving"], "AWS::ApiGateway::BasePathMapping").values()
    assert mapping["BasePath"] == "ml"
    assert "ApiDomainTarget" in fargate["Serving"]["Outputs"]


def test_new_code_takes_over_in_steps_and_goes_back_on_an_alarm(fargate: Templates) -> None:
    groups = [*resources(fargate["Serving"], "AWS::CodeDeploy::DeploymentGroup").values()]
    whole = fargate["Serving"]["Resources"].values()
    aliases = [each for each in whole if each["Type"] == "AWS::Lambda::Alias"]
    assert len(groups) == len(aliases) == 3
    for alias in aliases:
        assert "CodeDeployLambdaAliasUpdate" in alias["UpdatePolicy"]
    alarms = {
        each["AlarmName"]
        for each in resources(fargate["Monitoring"], "AWS::CloudWatch::Alarm").values()
    }
    for group in groups:
        configuration = group["DeploymentConfigName"]
        assert configuration == "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
        assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]
        watched = {each["Name"] for each in group["AlarmConfiguration"]["Alarms"]}
        assert len(watched) == 2
        assert watched <= alarms
    versions = [each for each in whole if each["Type"] == "AWS::Lambda::Version"]
    assert {each["DeletionPolicy"] for each in versions} == {"Retain"}


def test_only_production_rolls_out_in_steps_unless_told(aws: Templates) -> None:
    assert not resources(aws["Serving"], "AWS::CodeDeploy::DeploymentGroup")
    assert Settings(stage="prod").code_rollout == "canary"
    assert Settings(stage="prod", emulator=True).code_rollout == "at_once"
    assert Settings(rollout="linear").code_rollout == "linear"


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({"api_base_path": "ml"}, "needs api_domain"),
        ({"api_domain": "a.example.com"}, "need each other"),
        ({"api_authorization": "iam", "emulator": True}, "needs AWS"),
        ({"api_keys": {"p": {"per_second": 5}}}, "api_keys.p.per_second"),
        ({"api_keys": {"P p": {}}}, "api_keys.P p"),
        ({"api_keys": "{"}, "api_keys"),
    ],
)
def test_what_does_not_fit_together_is_refused(context: dict[str, object], said: str) -> None:
    with pytest.raises(EvergreenError, match=said):
        read_settings(context)


def test_keys_may_be_given_as_text() -> None:
    told = read_settings({"api_keys": '{"partner": {"requests_burst": 7}}'})
    assert told.api_keys["partner"].requests_burst == 7
    assert read_settings({"api_keys": ""}).api_keys == {}
