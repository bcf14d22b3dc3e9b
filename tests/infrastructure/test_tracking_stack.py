"""MLflow on AWS: closed to the world, protected by stage, reached by retraining alone."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from cdk.constructs.building.assets import ROOT
from cdk.tracking_stack import build_context
from tests.support.synthesised_services import services
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

CERTIFICATE = "arn:aws:acm:us-east-1:111122223333:certificate/1a2b"
USING_MLFLOW = {
    *("train", "register-challenger", "evaluate"),
    *("promote", "clean-up", "mirror-rollback"),
}


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return services(
        tmp_path_factory.mktemp("production"),
        stage="prod",
        tracking_size="large",
        vpc_egress="endpoints",
        services_domain="ml.example.com",
        services_certificate_arn=CERTIFICATE,
        services_allowed_cidrs="10.8.0.0/16, 10.9.0.0/16",
    )


def only(template: dict[str, Any], kind: str) -> dict[str, Any]:
    (found,) = resources(template, kind).values()
    return found


def container(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"]
    assert isinstance(found, dict)
    return found


def environment(template: dict[str, Any]) -> dict[str, str]:
    return {each["Name"]: flat(each["Value"]) for each in container(template)["Environment"]}


def imports(part: object) -> set[str]:
    """Return the name of every export that a part of a template takes from another stack."""
    return set(re.findall(r'"Fn::ImportValue": "([^"]+)"', json.dumps(part)))


def of_services(names: set[str]) -> set[str]:
    return {name for name in names if re.match(r"Evergreen-\w+-(Network|Tracking|Grafana):", name)}


@pytest.mark.parametrize("stack", ["Storage", "Serving", "Drift", "Monitoring"])
def test_serving_drift_and_storage_refer_to_no_service(fargate: Templates, stack: str) -> None:
    assert not of_services(imports(fargate[stack]))


def test_only_the_functions_that_use_mlflow_refer_to_it(fargate: Templates) -> None:
    functions = resources(fargate["Retraining"], "AWS::Lambda::Function").values()
    inside = {each["FunctionName"] for each in functions if "VpcConfig" in each}
    assert inside == {f"evergreen-dev-{name}" for name in USING_MLFLOW}
    for each in functions:
        told = each["Environment"]["Variables"]
        assert ("MLFLOW_CREDENTIALS_SECRET" in told) == (each["FunctionName"] in inside)
        assert bool(of_services(imports(each))) == (each["FunctionName"] in inside)


def test_no_password_is_in_a_functions_environment(fargate: Templates) -> None:
    functions = resources(fargate["Retraining"], "AWS::Lambda::Function").values()
    values = [flat(value) for f in functions for value in f["Environment"]["Variables"].values()]
    assert not [value for value in values if "resolve:" in value]


def test_a_function_reads_the_one_secret_it_signs_in_with(fargate: Templates) -> None:
    for role in ("TrainRole", "EvaluateRole", "PromoteRole", "CleanUpRole"):
        found = [
            flat(resource)
            for statement in statements(fargate["Retraining"], role)
            if "secretsmanager:GetSecretValue" in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        ]
        assert [re.search(r":ExportsOutputRefAdmin\w+>$", name) is not None for name in found] == [
            True
        ]
    for role in ("TakeLockRole", "BuildDatasetRole"):
        assert "secretsmanager" not in str(statements(fargate["Retraining"], role))


def test_the_load_balancer_is_internal_and_admits_retraining_alone(fargate: Templates) -> None:
    network = fargate["Network"]
    balancer = only(network, "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Scheme"] == "internal"
    rules = resources(network, "AWS::EC2::SecurityGroupIngress").values()
    admitted = {
        (flat(rule["SourceSecurityGroupId"]).split("Group")[0], rule["FromPort"])
        for rule in rules
        if "BalancerGroup" in flat(rule["GroupId"])
    }
    assert admitted == {("<Callers", 80)}


def test_nothing_is_open_to_every_address(fargate: Templates, production: Templates) -> None:
    for templates in (fargate, production):
        for template in (templates["Network"], templates["Tracking"], templates["Grafana"]):
            for group in resources(template, "AWS::EC2::SecurityGroup").values():
                assert not group.get("SecurityGroupIngress")
            for rule in resources(template, "AWS::EC2::SecurityGroupIngress").values():
                assert rule.get("CidrIp") in {None, "10.8.0.0/16", "10.9.0.0/16"}


def test_without_a_certificate_it_speaks_http_and_with_one_only_tls(
    fargate: Templates, production: Templates
) -> None:
    kind = "AWS::ElasticLoadBalancingV2::Listener"
    plain, secure = (only(each["Tracking"], kind) for each in (fargate, production))
    assert (plain["Protocol"], plain["Port"]) == ("HTTP", 80)
    assert (secure["Protocol"], secure["Port"]) == ("HTTPS", 443)
    assert secure["Certificates"] == [{"CertificateArn": CERTIFICATE}]
    assert secure["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-")
    assert only(production["Grafana"], kind)["Protocol"] == "HTTPS"


def test_the_certificates_name_leads_to_the_load_balancer_inside_the_network(
    production: Templates,
) -> None:
    zone = only(production["Network"], "AWS::Route53::HostedZone")
    assert zone["Name"] == "ml.example.com."
    assert zone["VPCs"]
    record = only(production["Network"], "AWS::Route53::RecordSet")
    assert record["Name"] == "ml.example.com."
    assert "LoadBalancer" in flat(record["AliasTarget"]["DNSName"])
    hosts = environment(production["Tracking"])["MLFLOW_SERVER_ALLOWED_HOSTS"].split(",")
    assert hosts[0] == "ml.example.com"


def test_the_server_answers_to_the_name_that_functions_call(fargate: Templates) -> None:
    name = flat(environment(fargate["Tracking"])["MLFLOW_SERVER_ALLOWED_HOSTS"]).split(",")[0]
    functions = resources(fargate["Retraining"], "AWS::Lambda::Function").values()
    called = {
        flat(each["Environment"]["Variables"].get("MLFLOW_TRACKING_URI", "")) for each in functions
    }
    assert called - {""} == {f"http://{name}"}


def test_passwords_come_from_secrets_manager(fargate: Templates) -> None:
    secrets = {each["Name"] for each in container(fargate["Tracking"])["Secrets"]}
    assert secrets == {
        "PGUSER",
        "PGPASSWORD",
        "MLFLOW_AUTH_ADMIN_PASSWORD",
        "MLFLOW_FLASK_SERVER_SECRET_KEY",
    }
    assert not secrets & set(environment(fargate["Tracking"]))
    assert environment(fargate["Tracking"])["PGSSLMODE"] == "require"
    made = resources(fargate["Tracking"], "AWS::SecretsManager::Secret").values()
    assert len(made) == 3
    assert all(each["KmsKeyId"] for each in made)


def test_the_database_is_encrypted_private_and_refuses_plain_connections(
    fargate: Templates,
) -> None:
    database = only(fargate["Tracking"], "AWS::RDS::DBInstance")
    assert database["StorageEncrypted"] is True
    assert database["KmsKeyId"]
    assert database["PubliclyAccessible"] is False
    parameters = only(fargate["Tracking"], "AWS::RDS::DBParameterGroup")["Parameters"]
    assert parameters == {"rds.force_ssl": "1"}
    rules = resources(fargate["Tracking"], "AWS::EC2::SecurityGroupIngress").values()
    assert ["TasksGroup" in flat(rule["SourceSecurityGroupId"]) for rule in rules] == [True]


@pytest.mark.parametrize(
    ("stage", "protected", "days", "instance"),
    [("dev", False, 7, "db.t4g.micro"), ("prod", True, 30, "db.m7g.large")],
)
def test_production_is_protected_and_kept_longer(
    fargate: Templates,
    production: Templates,
    stage: str,
    protected: bool,
    days: int,
    instance: str,
) -> None:
    template = {"dev": fargate, "prod": production}[stage]["Tracking"]
    database = only(template, "AWS::RDS::DBInstance")
    assert database["DeletionProtection"] is protected
    assert database["MultiAZ"] is protected
    assert database["BackupRetentionPeriod"] == days
    assert database["DBInstanceClass"] == instance
    kept = {item["Type"]: item.get("DeletionPolicy") for item in template["Resources"].values()}
    assert kept["AWS::RDS::DBInstance"] == "Snapshot"
    assert kept["AWS::S3::Bucket"] == kept["AWS::KMS::Key"] == "Retain"


def test_artifacts_are_under_the_stacks_key_and_tls_only(fargate: Templates) -> None:
    bucket = only(fargate["Tracking"], "AWS::S3::Bucket")
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    denied = only(fargate["Tracking"], "AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]
    conditions = [each.get("Condition") for each in denied if each["Effect"] == "Deny"]
    assert {"Bool": {"aws:SecureTransport": "false"}} in conditions


def test_the_server_reads_and_writes_artifacts_and_nothing_else_of_s3(fargate: Templates) -> None:
    found = {
        flat(resource)
        for statement in statements(fargate["Tracking"], "ServiceTaskTaskRole")
        for action in listed(statement["Action"])
        if action.startswith("s3:") and action != "s3:ListBucket"
        for resource in listed(statement["Resource"])
    }
    assert len(found) == 1
    assert re.fullmatch(r"<Artifacts\w+\.Arn>/artifacts/\*", found.pop())
    assert environment(fargate["Tracking"])["ARTIFACTS"].endswith("/artifacts")


def test_nat_by_default_and_no_way_out_where_endpoints_are_chosen(
    fargate: Templates, production: Templates
) -> None:
    gateways = [len(resources(t["Network"], "AWS::EC2::NatGateway")) for t in (fargate, production)]
    assert gateways == [1, 0]
    assert not resources(production["Network"], "AWS::EC2::InternetGateway")
    for templates, interfaces in ((fargate, 0), (production, 8)):
        found = resources(templates["Network"], "AWS::EC2::VPCEndpoint").values()
        names = [flat(each["ServiceName"]).rsplit(".", 1)[-1] for each in found]
        assert names.count("s3") == 1  # free, and it carries nearly all bytes
        assert len(names) - 1 == interfaces
    one_zone = resources(production["Network"], "AWS::EC2::VPCEndpoint").values()
    subnets = [each["SubnetIds"] for each in one_zone if "SubnetIds" in each]
    assert {len(each) for each in subnets} == {1}


def test_a_given_network_is_used_and_none_is_made(tmp_path: Path) -> None:
    templates = services(tmp_path, vpc_id="vpc-0a1b2c3d", vpc_subnet_ids="subnet-0a subnet-0b")
    assert not resources(templates["Network"], "AWS::EC2::VPC")
    balancer = only(templates["Network"], "AWS::ElasticLoadBalancingV2::LoadBalancer")
    assert balancer["Subnets"] == ["subnet-0a", "subnet-0b"]
    service = only(templates["Tracking"], "AWS::ECS::Service")
    network = service["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["Subnets"] == ["subnet-0a", "subnet-0b"]
    assert network["AssignPublicIp"] == "DISABLED"


def test_an_mlflow_that_exists_replaces_ours(tmp_path: Path) -> None:
    given = "https://mlflow.example.com"
    assert services(tmp_path, tracking=given, grafana="off") == {}
    assert set(services(tmp_path / "2", tracking=given)) == {"Network", "Grafana"}


def test_the_task_runs_as_the_user_of_its_image(fargate: Templates) -> None:
    text = (ROOT / "layers" / "mlflow" / "Dockerfile").read_text()
    user = re.findall(r"^USER (\S+)$", text, re.MULTILINE)
    assert user == [container(fargate["Tracking"])["User"]]
    assert user != ["0"]
    assert "HEALTHCHECK" in text


def test_the_image_is_built_from_what_it_copies_and_nothing_else() -> None:
    folder = build_context()
    files = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    text = (folder / "layers" / "mlflow" / "Dockerfile").read_text()
    copied = set(re.findall(r"^COPY (?:--\S+ )?(\S+) ", text, re.MULTILINE))
    assert files == copied | {"layers/mlflow/Dockerfile"}
    assert all((ROOT / name).read_bytes() == (folder / name).read_bytes() for name in files)


def test_the_images_versions_are_those_that_the_tests_run() -> None:
    def pins(name: str) -> set[str]:
        text = (ROOT / "requirements" / name).read_text()
        return set(re.findall(r"^([\w.-]+==\S+)", text, re.MULTILINE))

    assert pins("mlflow-server.lock") <= pins("services.lock")
    assert any(pin.startswith("mlflow==") for pin in pins("mlflow-server.lock"))


def exports(templates: Templates) -> set[str]:
    return {
        json.dumps(output["Export"]["Name"])
        for template in templates.values()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


def test_a_domain_can_be_added_to_what_is_deployed(tmp_path: Path) -> None:
    """No stack may lose an export that an older template of another stack imports."""
    before = services(tmp_path / "before", stage="prod")
    after = services(
        tmp_path / "after",
        stage="prod",
        services_domain="ml.example.com",
        services_certificate_arn=CERTIFICATE,
    )
    assert exports(before)
    assert exports(before) <= exports(after)


def test_mlflow_is_called_by_a_name_in_lower_case_whatever_the_load_balancer_s_name(
    tmp_path: Path,
) -> None:
    """The server compares names exactly, and clients send them in lower case (RFC 9110, 4.2.3)."""
    server = tmp_path / "mlflow"
    server.write_text('#!/bin/sh\n[ "$1" = server ] && env > "$FOUND"; exit 0\n')
    server.chmod(0o755)
    found = tmp_path / "found"
    host = "internal-Evergr-LoadB-1A2B.eu-west-1.elb.amazonaws.com"
    given = f"{host},localhost:*,127.0.0.1:*"
    subprocess.run(
        ["/bin/sh", ROOT / "layers/mlflow/start"],
        env={
            "PATH": f"{tmp_path}:/usr/bin:/bin",
            "FOUND": str(found),
            "ARTIFACTS": "s3://artifacts",
            "MLFLOW_SERVER_ALLOWED_HOSTS": given,
        },
        check=True,
    )
    variables = dict(line.split("=", 1) for line in found.read_text().splitlines() if "=" in line)
    allowed = variables["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert allowed == given.lower()
