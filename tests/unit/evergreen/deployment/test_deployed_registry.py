"""Commands use the registry that the deployment's functions use, and need no MLflow without one."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.deployment.deployed_registry import registry_of
from evergreen.errors import EvergreenError
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.support.aws_in_process import Account


@dataclass(frozen=True)
class Deployed(TargetInProcess):
    told: dict[str, str] = field(default_factory=dict)

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        return {"BucketName": "data", **self.told}


def deployed(aws: Account, **told: str) -> Deployed:
    aws.storage()
    return Deployed("dev", {}, aws, told)


def uri(registry: Any) -> str:
    return str(registry._client.tracking_uri)


def test_without_a_server_it_is_in_the_data_bucket_whatever_the_shell_names(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    registry = registry_of(deployed(aws, Tracking="none"))
    run = registry.start_run("fruit", "training", {"code": "a1"})
    assert registry.notes(run) == {"code": "a1"}
    assert [item.key for item in aws.storage().list("registry/fruit/")]


def test_a_server_at_an_address_is_signed_in_to_with_its_secret(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "")
    secret = aws.client("secretsmanager").create_secret(
        Name="mlflow", SecretString=json.dumps({"username": "ann", "password": "s3cret"})
    )["ARN"]
    target = deployed(aws, Tracking="https://ml.example.com", TrackingSecret=secret)
    assert uri(registry_of(target)) == "https://ml.example.com"
    assert os.environ["MLFLOW_TRACKING_USERNAME"] == "ann"
    assert os.environ["MLFLOW_TRACKING_PASSWORD"] == "s3cret"


def test_the_server_in_the_vpc_needs_the_address_of_a_forwarded_port(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    target = deployed(aws, Tracking="fargate")
    with pytest.raises(EvergreenError, match="forward a port"):
        registry_of(target)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert uri(registry_of(target)) == "http://localhost:5000"


def test_a_deployment_of_before_there_was_a_choice_is_to_be_deployed_again(aws: Account) -> None:
    with pytest.raises(EvergreenError, match="evergreen deploy"):
        registry_of(deployed(aws))
