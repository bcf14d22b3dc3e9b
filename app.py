"""The CDK app: reads the context and the models, and composes the stacks."""

from __future__ import annotations

import json
import os
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import cdk  # noqa: F401 - must come first: it puts our Node on PATH, and aws-cdk-lib starts Node

# isort: split
from aws_cdk import App, Environment, Tags, Validations, cx_api
from cdk_nag import AwsSolutionsChecks

from cdk.acknowledgements import acknowledge
from cdk.constructs.building.assets import ROOT
from cdk.constructs.retraining.tracking_access import tracking_access
from cdk.deployment import read_deployment
from cdk.drift_stack import DriftStack
from cdk.emulator import recognise_emulator
from cdk.monitoring_stack import MonitoringStack
from cdk.query_stack import QueryStack
from cdk.quotas import check_quotas
from cdk.retraining_stack import RetrainingStack
from cdk.services import add_services
from cdk.serving_stack import ServingStack
from cdk.storage_stack import StorageStack
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


_NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
# CDK's own check stops the synthesis without a word of models. Ours comes after it and has one.
_NO_CHECK_BY_CDK = {"@aws-cdk/core:stackResourceLimit": 0}


def build_app(
    context: Mapping[str, Any],
    models: Path,
    outdir: str | None = None,
    environ: Mapping[str, str] = _NO_VARIABLES,
) -> App:
    """Compose the app; ``context`` overrides ``cdk.json``; ``cdk -c key=value`` overrides both.

    ``environ`` tells whether it is for an emulator, if the context does not.
    """
    defaults = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    app = App(context={**defaults, **_NO_CHECK_BY_CDK, **context}, outdir=outdir)
    given = app.node.get_all_context()
    for key, value in recognise_emulator(given, defaults, environ).items():
        app.node.set_context(key, value)
    deployment = read_deployment(app.node.get_all_context(), models)
    place = {"env": Environment(region=deployment.settings.region)}
    storage = StorageStack(app, deployment, **place)
    serving = ServingStack(app, storage, **place)
    queries = None
    if deployment.settings.engine == "athena":
        queries = QueryStack(app, storage, **place)
    drift = DriftStack(app, storage, queries, **place)
    tracking = add_services(app, deployment.settings, **place) or tracking_access(storage)
    retraining = RetrainingStack(app, storage, tracking, queries, **place)
    MonitoringStack(app, storage, serving, drift, retraining, **place)
    for name, value in deployment.settings.tags.items():
        Tags.of(app).add(name, value)
    if not deployment.settings.emulator:
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        acknowledge(app, production=deployment.settings.production)
    return app


def synthesise(
    context: Mapping[str, Any],
    models: Path,
    outdir: str | None = None,
    environ: Mapping[str, str] = _NO_VARIABLES,
) -> cx_api.CloudAssembly:
    """Write the templates of the app, and check them against the limits of AWS.

    Raises
    ------
    EvergreenError
        If a setting is invalid, or the app is beyond a limit.
    """
    app = build_app(context, models, outdir, environ)
    assembly = app.synth()
    deployment = read_deployment(app.node.get_all_context(), models)
    check_quotas(assembly, deployment.settings.granted_quotas, deployment.models)
    return assembly


if __name__ == "__main__":
    try:
        synthesise({}, ROOT / "models", environ=os.environ)
    except EvergreenError as error:
        sys.exit(str(error))
