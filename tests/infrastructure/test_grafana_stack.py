"""Grafana on AWS: reads metrics and nothing else; ours, one that exists, or none."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cdk.constructs.building.assets import ROOT
from tests.support.synthesised_services import services
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

ROLE = "arn:aws:iam::111122223333:role/service-role/workspace"
PROVISIONED = ROOT / "dashboards" / "provisioning"


def told(fargate: Templates) -> dict[str, str]:
    (task,) = resources(fargate["Grafana"], "AWS::ECS::TaskDefinition").values()
    (container,) = task["ContainerDefinitions"]
    named = {each["Name"]: flat(each["Value"]) for each in container["Environment"]}
    secret = {each["Name"]: flat(each["ValueFrom"]) for each in container["Secrets"]}
    assert not named.keys() & secret.keys()
    return named | secret


def test_it_may_read_metrics_and_alarms_and_change_nothing(fargate: Templates) -> None:
    actions = {
        action
        for statement in statements(fargate["Grafana"], "ServiceTaskTaskRole")
        for action in listed(statement["Action"])
    }
    assert "cloudwatch:GetMetricData" in actions
    verbs = {action.split(":")[1] for action in actions if not action.startswith("ssmmessages:")}
    assert all(re.match(r"(Describe|Get|List)[A-Z]", verb) for verb in verbs)


def test_every_variable_of_the_provisioned_files_is_set(fargate: Templates) -> None:
    # Alerting is left out: CloudWatch's alarms tell people. Nothing runs a Prometheus either.
    files = [
        PROVISIONED / "datasources" / "cloudwatch.yaml",
        *PROVISIONED.glob("dashboards/*.yaml"),
    ]
    asked = {name for file in files for name in re.findall(r"\$\{?(\w+)\}?", file.read_text())}
    assert "AWS_REGION" in asked
    assert asked <= told(fargate).keys()


def test_its_password_is_a_secret_of_its_own(fargate: Templates) -> None:
    assert re.fullmatch(r"<Admin\w+>", told(fargate)["GF_SECURITY_ADMIN_PASSWORD"])
    (secret,) = resources(fargate["Grafana"], "AWS::SecretsManager::Secret").values()
    assert secret["KmsKeyId"]
    assert secret["GenerateSecretString"]["PasswordLength"] == 40


def test_it_knows_the_address_that_people_see(fargate: Templates) -> None:
    assert told(fargate)["GF_SERVER_ROOT_URL"].endswith(":3000")
    (listener,) = resources(fargate["Grafana"], "AWS::ElasticLoadBalancingV2::Listener").values()
    assert listener["Port"] == 3000


def test_the_image_bakes_in_what_the_folder_provisions() -> None:
    folder = ROOT / "dashboards"
    text = (folder / "Dockerfile").read_text()
    (copied,) = re.findall(r"^COPY (?:--\S+ )?(\S+) \S+$", text, re.MULTILINE)
    assert {path.name for path in (folder / copied).iterdir()} >= {"dashboards", "datasources"}
    assert list((folder / copied).glob("dashboards/cloudwatch/*.json"))
    assert f"!{copied}" in (folder / ".dockerignore").read_text().split()
    (base,) = re.findall(r"^FROM (\S+)$", text, re.MULTILINE)
    assert re.search(r":\d+\.\d+\.\d+$", base)


def test_one_that_exists_gets_a_role_and_nothing_is_started(tmp_path: Path) -> None:
    given = {"tracking": "https://mlflow.example.com"}
    templates = services(tmp_path, grafana="existing", grafana_role_arn=ROLE, **given)
    assert set(templates) == {"Grafana"}
    (role,) = resources(templates["Grafana"], "AWS::IAM::Role").values()
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"AWS": ROLE}
    (reading,) = statements(templates["Grafana"], "Reader")
    assert all(action.startswith("cloudwatch:") for action in reading["Action"])
    assert not resources(templates["Grafana"], "AWS::ECS::Service")


def test_it_can_be_left_out(tmp_path: Path) -> None:
    assert set(services(tmp_path, grafana="off")) == {"Network", "Tracking"}
