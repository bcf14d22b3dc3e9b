"""The app synthesised a few times, for AWS and for the emulator, shared by every test here."""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import app
from cdk.constructs.building.assets import ROOT

if TYPE_CHECKING:
    from pathlib import Path

Templates = dict[str, dict[str, Any]]
"""CloudFormation templates by the last part of their stack's name."""
SCHEDULES = """schedules = [
    { every = "6 hours", window = "6 hours" }, # on what came in since the last one
    { every = "1 hour", window = "6 hours" },  # sliding
    { every = "1 day", window = "1 day" },
]"""


def synthesise_parts(context: dict[str, Any], models: Path, outdir: Path) -> Templates:
    """Return the templates of an app, nested ones too, by the whole name of their stack."""
    app.synthesise(context, models, str(outdir))
    return parts_of(outdir)


def parts_of(outdir: Path) -> Templates:
    """Return the templates that a synthesis wrote, as :func:`synthesise_parts` does."""
    files = sorted(outdir.glob("*.template.json"))
    return {file.name.removesuffix(".template.json"): _read(file) for file in files}


def synthesise(context: dict[str, Any], models: Path, outdir: Path) -> Templates:
    """Return the templates of an app; the resources of a nested stack are shown in its parent."""
    parts = synthesise_parts(context, models, outdir)
    templates = {
        name.rsplit("-", 1)[-1]: template
        for name, template in parts.items()
        if not name.endswith(".nested")
    }
    for name, template in parts.items():
        if name.endswith(".nested"):
            path, model = re.fullmatch(r"(\w+)Nested(\w+)[0-9A-F]{8}\.nested", name).groups()  # type: ignore[union-attr]
            parent = next(each for each in templates if re.match(f"Evergreen[a-z0-9]+{each}", path))
            _show(template, templates[parent], f"Nested{model}NestedStack")
    return templates


def _show(nested: dict[str, Any], parent: dict[str, Any], mark: str) -> None:
    """Move the resources of a nested stack into its parent, which gives it its parameters."""
    (stack,) = (name for name in parent["Resources"] if mark in name)
    given = parent["Resources"].pop(stack)["Properties"].get("Parameters", {})

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            if value.keys() == {"Ref"} and value["Ref"] in given:
                return given[value["Ref"]]
            return {key: filled(each) for key, each in value.items()}
        return [filled(each) for each in value] if isinstance(value, list) else value

    for part in ("Resources", "Outputs"):
        parent.setdefault(part, {}).update(filled(nested.get(part, {})))


def _read(file: Path) -> dict[str, Any]:
    template: dict[str, Any] = json.loads(file.read_text())
    return template


@pytest.fixture(scope="session")
def models() -> Path:
    return ROOT / "models"


@pytest.fixture(scope="session")
def aws_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of :func:`aws`, which fills it."""
    return tmp_path_factory.mktemp("aws")


@pytest.fixture(scope="session")
def aws(models: Path, aws_folder: Path) -> Templates:
    context = {
        "alert_email": "a@example.com",
        "owner": "team data",
        "monitoring": "full",
        "snap_start": True,
    }
    return synthesise(context, models, aws_folder)


@pytest.fixture(scope="session")
def athena(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    context: dict[str, Any] = {"engine": "athena", "tracking": "fargate", "grafana": "fargate"}
    context["monitoring"] = "full"
    certificate = "arn:aws:acm:us-east-1:123456789012:certificate/x"
    context |= {
        "api_keys": {"partner": {"requests_per_second": 5, "requests_per_month": 1000}},
        "api_authorization": "iam",
        "api_domain": "api.example.com",
        "api_certificate_arn": certificate,
        "api_base_path": "ml",
        "rollout": "linear",
        "log_source_ip": "hashed",
        "log_user_agent": "off",
        "cors_origins": "https://app.example.com, https://b.example.com:8443",
    }
    return synthesise(context, models, tmp_path_factory.mktemp("athena"))


@pytest.fixture(scope="session")
def fargate(athena: Templates) -> Templates:
    """Give a deployment with MLflow and Grafana of its own."""
    return athena


@pytest.fixture(scope="session")
def emulator(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    context = {
        "emulator": True,
        "lake_catalog": "postgresql+psycopg://lake:secret@127.0.0.1:5433/lake",
        "drift_period": "1 minute",
        "cooldown": "1 second",
        "flush_seconds": "1",
    }
    return synthesise(context, models, tmp_path_factory.mktemp("emulator"))


@pytest.fixture(scope="session")
def unusual_models(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder of two models: one asks for all that there is, one for three schedules."""
    folder = tmp_path_factory.mktemp("unusual") / "models"
    text = (models / "flight_delay" / "model.toml").read_text(encoding="utf-8")
    text = _changed(text, {"[rollback]\n": "[rollback]\nautomatic = false\n"})
    schedule = 'schedules = [{ every = "1 hour", window = "24 hours" }]'
    asked = 'time_limit = "3 hours"\nevery = "7 days"\ncompute = "sagemaker" '
    shadow = '[shadow]\nmax_wait = "2 days"\nmin_predictions = 500 '
    changes = {
        "flight_delay": {
            schedule: 'schedules = [{ every = "3 days", window = "3 days" }]',
            'compute = "lambda" ': asked,
            "[shadow]\nmin_predictions = 0 ": shadow,
        },
        "night_flights": {
            schedule: SCHEDULES,
            'name = "flight_delay"': 'name = "night_flights"\nserving = "sklearn"',
        },
    }
    for name, each in changes.items():
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(models / "flight_delay", folder / name, ignore=ignored)
        (folder / name / "model.toml").write_text(_changed(text, each), encoding="utf-8")
    return folder


def _changed(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    return text


@pytest.fixture(scope="session")
def unusual(unusual_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Give the templates for AWS of the two models, with settings that leave things out."""
    context = {"table_upkeep": "function", "no_traffic_after": "", "tracking": "fargate"}
    context |= {"monitoring": "full", "ground_truth_key": "true"}
    context |= {"trusted_types": "evergreen_model_night_flights.Gap"}
    return synthesise(context, unusual_models, tmp_path_factory.mktemp("unusual-aws"))


@pytest.fixture(scope="session")
def unusual_emulator(unusual_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    """Give the templates for the emulator of the two models, with periods of days."""
    context = {"emulator": True, "compaction_period": "2 days", "no_traffic_after": "4 days"}
    context |= {"sklearn_models": "flight_delay"}
    return synthesise(context, unusual_models, tmp_path_factory.mktemp("unusual-emulator"))
