"""Templates of the optional services, synthesised without the loop: fast, for any settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from aws_cdk import App, Environment, Validations
from cdk_nag import AwsSolutionsChecks

from cdk.acknowledgements import acknowledge
from cdk.constructs.building.assets import ROOT
from cdk.services import add_services
from cdk.settings import read_settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates


def services(outdir: Path, **settings: Any) -> Templates:
    """Return the templates of the services in a deployment with these settings.

    MLflow and Grafana are on Fargate unless the settings say otherwise.
    """
    context = json.loads((ROOT / "cdk.json").read_text())["context"]
    flags = {key: value for key, value in context.items() if key.startswith("@aws-cdk/")}
    app = App(context=flags, outdir=str(outdir))
    read = read_settings({"tracking": "fargate", "grafana": "fargate", **settings})
    add_services(app, read, env=Environment(region=read.region))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    acknowledge(app, production=read.production)
    app.synth()  # fails on a finding that no written reason acknowledges
    files = outdir.glob("*.template.json")
    return {file.name.split(".")[0].split("-")[-1]: json.loads(file.read_text()) for file in files}
