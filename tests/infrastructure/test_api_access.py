"""Who may call the API, at which address, and how new code of a model takes over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cdk.settings import Settings, read_settings
from evergreen.errors import EvergreenError
from functions.shared.security_headers import SECURITY
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
    methods = [
        each
        for each in resources(fargate["Serving"], "AWS::ApiGateway::Method").values()
        if each["HttpMethod"] != "OPTIONS"
    ]
    kinds = [each["AuthorizationType"] for each in methods]
    assert kinds.count("NONE") == len(OPEN_TO_ALL | OPEN_AT_THE_GATEWAY)
    assert set(kinds) == {"NONE", "AWS_IAM"}
    assert not any(each.get("ApiKeyRequired") for each in methods)
    outputs = fargate["Serving"]["Outputs"]
    assert outputs["ApiAuthorization"]["Value"] == "iam"


def test_a_browser_asks_without_a_key_wherever_a_page_may_call(
    fargate: Templates, aws: Templates
) -> None:
    methods = [*resources(fargate["Serving"], "AWS::ApiGateway::Method").values()]
    asked = [each for each in methods if each["HttpMethod"] == "OPTIONS"]
    called = [each for each in methods if each["AuthorizationType"] == "AWS_IAM"]
    assert {str(each["ResourceId"]) for each in asked} == {
        str(each["ResourceId"]) for each in called
    }
    assert {each["AuthorizationType"] for each in asked} == {"NONE"}
    told = [
        each["Environment"]["Variables"]
        for each in resources(fargate["Serving"], "AWS::Lambda::Function").values()
    ]
    origins = [each["EVERGREEN_CORS_ORIGINS"] for each in told if "EVERGREEN_CORS_ORIGINS" in each]
    assert origins == ["https://app.example.com https://b.example.com:8443"] * 4
    assert "EVERGREEN_CORS_ORIGINS" not in str(aws)
    assert "OPTIONS" not in {
        each["HttpMethod"] for each in resources(aws["Serving"], "AWS::ApiGateway::Method").values()
    }


def test_every_refusal_of_the_gateway_has_the_headers_of_an_answer(
    fargate: Templates, aws: Templates
) -> None:
    for templates, pages in ((aws, False), (fargate, True)):
        refusals = resources(templates["Serving"], "AWS::ApiGateway::GatewayResponse").values()
        assert {"DEFAULT_4XX", "DEFAULT_5XX"} <= {each["ResponseType"] for each in refusals}
        for each in refusals:
            sent = {
                name.removeprefix("gatewayresponse.header."): value.strip("'")
                for name, value in each["ResponseParameters"].items()
            }
            assert SECURITY.items() <= sent.items()
            assert ("access-control-allow-origin" in sent) == pages


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
        ({"cors_origins": "app.example.com"}, "cors_origins"),
        ({"ground_truth_key": True, "api_authorization": "iam"}, "callers' policies"),
        ({"ground_truth_key": True, "api_keys": {"ground-truth": {}}}, "of that name"),
    ],
)
def test_what_does_not_fit_together_is_refused(context: dict[str, object], said: str) -> None:
    with pytest.raises(EvergreenError, match=said):
        read_settings(context)


def test_keys_may_be_given_as_text() -> None:
    told = read_settings({"api_keys": '{"partner": {"requests_burst": 7}}'})
    assert told.api_keys["partner"].requests_burst == 7
    assert read_settings({"api_keys": ""}).api_keys == {}


def test_what_is_kept_of_callers_is_what_the_settings_say(
    fargate: Templates, aws: Templates
) -> None:
    told = [
        each["Environment"]["Variables"]
        for each in resources(fargate["Serving"], "AWS::Lambda::Function").values()
    ]
    hashing = [each for each in told if each.get("EVERGREEN_LOG_SOURCE_IP") == "hashed"]
    assert [each["EVERGREEN_LOG_USER_AGENT"] for each in hashing] == ["off"] * 3
    assert all("EVERGREEN_LOG_SECRET_ARN" in each for each in hashing)
    assert [each.get("EVERGREEN_LOG_SOURCE_IP") for each in told].count("off") == 1
    (secret,) = resources(fargate["Storage"], "AWS::SecretsManager::Secret").values()
    assert secret["GenerateSecretString"]["PasswordLength"] == 43
    assert not resources(aws["Storage"], "AWS::SecretsManager::Secret")
    lines = []
    for templates in (fargate, aws):
        (stage,) = resources(templates["Serving"], "AWS::ApiGateway::Stage").values()
        lines.append(json.loads(stage["AccessLogSetting"]["Format"]))
    assert ["ip" in line for line in lines] == [False, True]


def test_ground_truth_has_a_key_of_its_own_where_asked_for(
    unusual: Templates, aws: Templates
) -> None:
    keys = resources(unusual["Serving"], "AWS::ApiGateway::ApiKey")
    (own,) = (id_ for id_, each in keys.items() if each["Name"] == "evergreen-dev-ground-truth")
    told = [
        each["Environment"]["Variables"]
        for each in resources(unusual["Serving"], "AWS::Lambda::Function").values()
    ]
    named = [each["EVERGREEN_GROUND_TRUTH_KEY_ID"] for each in told if "EVERGREEN_MODEL" in each]
    assert named == [{"Ref": own}] * 2
    assert unusual["Serving"]["Outputs"]["GroundTruthKeyId"]["Value"] == {"Ref": own}
    assert "GroundTruthKeyId" not in aws["Serving"]["Outputs"]
