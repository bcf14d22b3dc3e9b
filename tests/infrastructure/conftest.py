"""The app synthesised once for AWS and once for the emulator, shared by every test here."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import app
from cdk.constructs.building.assets import ROOT

if TYPE_CHECKING:
    from pathlib import Path

Templates = dict[str, dict[str, Any]]
"""CloudFormation templates by the last part of their stack's name."""


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
    return synthesise({"alert_email": "a@example.com"}, models, aws_folder)


@pytest.fixture(scope="session")
def athena(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesise({"engine": "athena"}, models, tmp_path_factory.mktemp("athena"))


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
