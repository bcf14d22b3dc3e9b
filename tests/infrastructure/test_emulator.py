"""The app finds out by itself that cdk is called for an emulator."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk.constructs.building.assets import ROOT
from cdk.emulator import recognise_emulator
from cdk.settings import read_settings
from cli.shared.cdk_deployment import emulator_context
from cli.shared.target import Target

FILE: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
ENVIRON = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
    "MLFLOW_TRACKING_URI": "http://127.0.0.1:5000",
    "EVERGREEN_LAKE_CATALOG": "postgresql+psycopg://lake@127.0.0.1/lake",
}


def test_plain_cdk_has_the_settings_of_evergreen_deploy() -> None:
    target = Target("dev", ENVIRON)
    deployed = {**FILE, **emulator_context(target)}
    assert read_settings({**FILE, **recognise_emulator(FILE, FILE, ENVIRON)}) == read_settings(
        deployed
    )
    assert recognise_emulator(deployed, FILE, ENVIRON) == {}


def test_what_is_given_with_c_stays() -> None:
    given = {**FILE, "cooldown": "5 minutes"}
    settings = read_settings({**given, **recognise_emulator(given, FILE, ENVIRON)})
    assert (settings.emulator, settings.cooldown) == (True, "5 minutes")


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_ENDPOINT_URL": ""},
        {"AWS_ENDPOINT_URL": "https://sts.eu-central-1.amazonaws.com"},
        {"AWS_ENDPOINT_URL": "https://monitoring.eu-central-1.api.aws"},
        {"MLFLOW_TRACKING_URI": "http://127.0.0.1:5000"},
    ],
    ids=["nothing", "empty", "amazonaws", "api.aws", "only MLflow"],
)
def test_aws_is_left_alone(environ: dict[str, str]) -> None:
    assert recognise_emulator(FILE, FILE, environ) == {}
