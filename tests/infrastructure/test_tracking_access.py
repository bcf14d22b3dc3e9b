"""The registry without a server of our own: nothing always on, and rights for it alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from aws_cdk import App, Stack
from aws_cdk import aws_iam as iam

from cdk.constructs.retraining.tracking_access import tracking_access
from cdk.settings import read_settings
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates

ALWAYS_ON = ("AWS::EC2::", "AWS::ECS::", "AWS::RDS::", "AWS::ElasticLoadBalancingV2::")
USING_REGISTRY = ("Train", "RegisterChallenger", "Evaluate", "Promote", "CleanUp", "MirrorRollback")
SERVER = "arn:aws:sagemaker:eu-central-1:111122223333:mlflow-tracking-server/runs"
SECRET = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:mlflow-a1b2c3"


def allowed(template: dict[str, Any], role: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for statement in statements(template, role):
        for action in listed(statement["Action"]):
            found.setdefault(action, set()).update(map(flat, listed(statement["Resource"])))
    return found


def test_by_default_nothing_is_always_on_and_no_function_is_in_a_vpc(aws: Templates) -> None:
    kinds = {
        resource["Type"] for template in aws.values() for resource in template["Resources"].values()
    }
    assert not {kind for kind in kinds if kind.startswith(ALWAYS_ON)}
    for function in resources(aws["Retraining"], "AWS::Lambda::Function").values():
        assert "VpcConfig" not in function
        assert not [name for name in function["Environment"]["Variables"] if "TRACKING" in name]
    assert aws["Retraining"]["Outputs"]["Tracking"]["Value"] == "none"


def test_who_uses_the_registry_in_the_bucket_may_and_nobody_else(aws: Templates) -> None:
    for name in resources(aws["Retraining"], "AWS::IAM::Role"):
        rights = allowed(aws["Retraining"], name)
        uses = name.startswith(USING_REGISTRY)
        for action in ("s3:GetObject", "s3:PutObject"):
            places = rights.get(action, set())
            assert any(each.endswith("/registry/*") for each in places) == uses, name


def rights_with(**settings: str) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Return what a function is told and what its role may do."""
    stack = Stack(App(), "Stack")
    role = iam.Role(stack, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    storage: Any = SimpleNamespace(
        deployment=SimpleNamespace(settings=read_settings(settings)),
        bucket_arn="arn:aws:s3:::data",
        key=SimpleNamespace(key_arn="arn:aws:kms:::key/1"),
    )
    access = tracking_access(storage)
    access.let_in(role)
    assert access.placement is None
    template = stack.node.root.synth().get_stack_by_name("Stack").template  # type: ignore[attr-defined]
    return access.client_environment(), allowed(template, "Role")


def test_a_server_at_an_address_is_reached_with_the_secret_of_the_setting() -> None:
    told, rights = rights_with(tracking="https://ml.example.com", tracking_secret_arn=SECRET)
    assert told == {
        "MLFLOW_TRACKING_URI": "https://ml.example.com",
        "MLFLOW_CREDENTIALS_SECRET": SECRET,
    }
    assert rights == {"secretsmanager:GetSecretValue": {SECRET}}


def test_a_server_without_sign_in_needs_no_right() -> None:
    told, rights = rights_with(tracking="https://ml.example.com")
    assert told == {"MLFLOW_TRACKING_URI": "https://ml.example.com"}
    assert rights == {}


def test_the_managed_server_is_called_by_its_arn_and_files_are_in_our_bucket() -> None:
    told, rights = rights_with(tracking="sagemaker", tracking_server_arn=SERVER)
    assert told == {"MLFLOW_TRACKING_URI": SERVER}
    calls = {name for name in rights if name.startswith("sagemaker-mlflow:")}
    assert {"sagemaker-mlflow:CreateRun", "sagemaker-mlflow:SetRegisteredModelAlias"} <= calls
    assert all(rights[name] == {SERVER} for name in calls)
    assert rights["s3:PutObject"] == {"arn:aws:s3:::data/registry/*"}


@pytest.mark.parametrize(
    "settings",
    [
        {"tracking": "sagemaker"},
        {"tracking_server_arn": SERVER},
        {"tracking_secret_arn": SECRET},
        {"tracking": "mlflow.example.com"},
        {"mlflow_tracking_uri": "https://ml.example.com"},
    ],
)
def test_settings_that_do_not_fit_are_refused_by_name(settings: dict[str, str]) -> None:
    with pytest.raises(Exception, match="tracking"):
        read_settings(settings)
