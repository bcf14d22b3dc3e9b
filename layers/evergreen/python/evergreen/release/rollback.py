"""Rollback: puts an earlier version back into production; safe to run again.

It commits when it writes the production pointer. After an interruption, a second call finishes the
remaining steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import load_bundle
from evergreen.datasets.store import folder_key, read_manifest
from evergreen.errors import EvergreenError, NoProductionModelError, RegistryError
from evergreen.release.context import ReleaseContext, publish_decision, served_versions, was_served
from evergreen.release.decision_log import DecisionRecord
from evergreen.release.promotion import candidate_pointer

if TYPE_CHECKING:
    from evergreen.production import ProductionPointer
    from evergreen.storage import Storage


def roll_back(
    context: ReleaseContext,
    model: str,
    reason: str,
    *,
    to: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Put an earlier version back into production.

    Order: verify the bundle and find the reference data set, write the pointer (now the older
    version serves), update MLflow, record the decision, send the event, link the decision. The
    steps up to the pointer do not need MLflow.

    The pointer records that it came from a rollback. A second call with the same version, or with
    none, only finishes that rollback. So the same command given twice does not go back twice. To go
    further back, name the version.

    Parameters
    ----------
    context
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    reason
        Why, for the record. A repeated call keeps the first reason.
    to
        The version to go back to; the previous version if not given.
    execution
        The execution or alarm that decided; None if a person did.

    Raises
    ------
    NoProductionModelError
        If no version is in production, or there is no previous version.
    RegistryError
        If the version was never in production, is in production now, or is not in the registry.
    BundleError
        If its bundle is missing, incomplete or altered. Nothing has been changed.
    EvergreenError
        If its reference data set is gone. Nothing has been changed.
    """
    pointer = context.production.read(model)
    if pointer is None:
        raise NoProductionModelError("no version is in production", where=model)
    if not (pointer.rolled_back and to in (None, pointer.version)):
        pointer = _pointer_back(context, model, pointer, to)
        context.production.write(model, pointer)
    context.registry.set_production(model, pointer.version, pointer.previous)
    record = DecisionRecord(
        model=model,
        decision="roll_back",
        decided_at=pointer.promoted_at,
        challenger=pointer.version,
        champion=pointer.previous,
        reason=reason,
        comparison=None,
        dataset_id=pointer.reference_dataset_id,
        run_id=context.registry.find(model, pointer.version).run_id,
        execution=execution,
    )
    return publish_decision(context, record)


def _pointer_back(
    context: ReleaseContext, model: str, pointer: ProductionPointer, to: str | None
) -> ProductionPointer:
    version = to or pointer.previous
    if version is None:
        raise NoProductionModelError(
            f"nothing was in production before version {pointer.version}", where=model
        )
    if version == pointer.version:
        raise RegistryError("the version is in production now", where=f"{model} {version}")
    if not was_served(context, model, version):
        served = served_versions(context, model)
        others = ", ".join(sorted(served.keys() - {pointer.version})) or "none"
        raise RegistryError(
            "the version was never in production",
            where=f"{model} {version}",
            fix=f"Versions that were: {others}.",
        )
    # An earlier pointer of the version has all the values, so a rollback does not need MLflow. Only
    # a version that Parameter Store no longer has is read from MLflow.
    former = [item for item in context.production.history(model) if item.version == version]
    base = (
        former[-1]
        if former
        else candidate_pointer(context.registry.find(model, version), promoted_at=context.clock())
    )
    back = base.model_copy(
        update={
            "promoted_at": context.clock(),
            "previous": pointer.version,
            "rolled_back": True,
            "shadow": pointer.shadow,
        }
    )
    load_bundle(context.storage, back)
    _check_reference(context.storage, model, back.reference_dataset_id)
    return back


def _check_reference(storage: Storage, model: str, dataset_id: str) -> None:
    """Check that the version's own data set is there, as the reference for drift checks."""
    manifest = read_manifest(storage, model, dataset_id)
    folder = folder_key(model, manifest.dataset_id)
    if len(list(storage.list(folder))) < 2:
        raise EvergreenError("the reference data set has no rows left", where=storage.uri(folder))
