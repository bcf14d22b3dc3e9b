"""The plan of a deployment: what changed definitions mean for the models that serve."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from evergreen.bundle.store import read_signature, signature_of_version
from evergreen.errors import BundleError, PointerError
from evergreen.production import Production
from evergreen.release.decision_log import latest_decision_records
from evergreen.release.definition_change import find_change, plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.shared.target import Target
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

_LATEST = 20


def models_of_sklearn(target: Target, definitions: Mapping[str, ModelDefinition]) -> list[str]:
    """Return the models for ONNX of which a version that serves, or may again, is scikit-learn's.

    It is the one in production, the one before, to which a rollback goes, or the one in the shadow.
    Their functions keep scikit-learn until none of the three needs it.

    Parameters
    ----------
    target
        The deployment; it need not exist yet.
    definitions
        The models as they will be deployed.
    """
    if not target.outputs.get("BucketName"):
        return []
    production, storage = Production(target.stage, target.client("ssm")), target.storage
    found = []
    for name in (name for name, each in definitions.items() if each.serving == "onnx"):
        with suppress(PointerError):
            pointer = production.read_last_valid(name)
            versions = [] if pointer is None else [pointer.version, pointer.previous]
            if pointer and pointer.shadow:
                versions.append(pointer.shadow.version)
            if any(_is_of_sklearn(storage, name, each) for each in versions if each):
                found.append(name)
    return found


def _is_of_sklearn(storage: Storage, model: str, version: str) -> bool:
    try:
        return signature_of_version(storage, model, version).serving == "sklearn"
    except BundleError:
        return False  # it is gone, so it cannot serve either


def find_plan(target: Target, definitions: Mapping[str, ModelDefinition]) -> dict[str, list[str]]:
    """Return what will happen to each model that serves and whose definition has changed.

    Parameters
    ----------
    target
        A deployment with a data bucket.
    definitions
        The models as they will be deployed.
    """
    production, storage = Production(target.stage, target.client("ssm")), target.storage
    plans = {}
    for name, definition in definitions.items():
        try:
            pointer = production.read(name)
            if pointer is None:
                continue
            signature = read_signature(storage, pointer)
        except (PointerError, BundleError):
            continue  # `evergreen doctor` says what is wrong with it
        records = latest_decision_records(storage, name, _LATEST)
        compared = [
            record.comparison.metric
            for record in records
            if record.challenger == pointer.version and record.comparison
        ]
        change = find_change(definition, pointer.version, signature, next(iter(compared), None))
        if plan := plan_of(change, definition):
            plans[name] = plan
    return plans
