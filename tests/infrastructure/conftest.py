"""The app synthesised once for AWS and once for the emulator, shared by every test here."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import app
from cdk.constructs.building.assets import ROOT

if TYPE_CHECKING:
    from pathlib import Path

Templates = dict[str, dict[str, Any]]
"""CloudFormation templates by the last part of their stack's name."""


def synthesise(context: dict[str, Any], models: Path, outdir: Path) -> Templates:
    """Return the templates of an app; the resources of a nested stack are shown in its parent."""
    app.synthesise(context, models, str(outdir))
    files = sorted(outdir.glob("*.template.json"))
    found = {file: json.loads(file.read_text()) for file in files}
    nested = [file for file in files if file.name.endswith(".nested.template.json")]
    templates = {
        file.name.split(".")[0].split("-")[-1]: template
        for file, template in found.items()
        if file not in nested
    }
    for file in nested:
        name = next(each for each in templates if f"dev{each}" in file.name.split("Nested")[0])
        for part in ("Resources", "Outputs"):
            templates[name].setdefault(part, {}).update(found[file].get(part, {}))
    return templates


@pytest.fixture(scope="session")
def models() -> Path:
    return ROOT / "models"


@pytest.fixture(scope="session")
def aws(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesise({"alert_email": "a@example.com"}, models, tmp_path_factory.mktemp("aws"))


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
