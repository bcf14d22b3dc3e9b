"""The plan of a deployment: what changed definitions mean for the models that serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import read_signature
from evergreen.errors import BundleError, PointerError
from evergreen.production import Production
from evergreen.release.decision_log import latest_decision_records
from evergreen.release.definition_change import find_change, plan_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cli.shared.target import Target
    from evergreen.model_definition import ModelDefinition

_LATEST = 20


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
