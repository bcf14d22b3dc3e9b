"""Rollback: how production goes back to a version that was there before, safe to run again.

It commits when the production pointer is written; interrupted after that, calling it again finishes
the job.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import load_bundle
from evergreen.datasets.store import folder_key, read_manifest
from evergreen.errors import EvergreenError, NoProductionModelError, RegistryError
from evergreen.release.context import ReleaseContext, publish, served_versions, was_served
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
    """Put a version that was in production before back there.

    Order: bundle verified and reference data set found, pointer written (from here on the old
    version serves), MLflow mirrored, decision recorded, event put, decision linked. Up to the
    pointer MLflow is not needed.

    The pointer says that it came from a rollback. Called again, with the same version or none, it
    finishes what is left of that rollback and goes nowhere else, so a command given twice does not
    go forth and back; to go further, name the version.

    Parameters
    ----------
    context
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    reason
        Why, for the record; of a repeated call the first one's stays.
    to
        The version to go back to; the one before the present one if not given.
    execution
        What decided, if no person did.

    Raises
    ------
    NoProductionModelError
        If nothing is in production, or nothing was before.
    RegistryError
        If the version was never in production or is there now, or the registry lacks it.
    BundleError
        If its bundle is missing, incomplete or altered; nothing has been changed then.
    EvergreenError
        If its reference data set is gone; nothing has been changed then either.
    """
    pointer = context.production.read(model)
    if pointer is None:
        raise NoProductionModelError("nothing is in production", where=model)
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
    return publish(context, record)


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
    # Its own former pointer has all it takes, so that going back does not wait for MLflow; only a
    # version that Parameter Store has forgotten is asked for there.
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
    """Make sure that drift can be looked for against the version's own data set."""
    manifest = read_manifest(storage, model, dataset_id)
    folder = folder_key(model, manifest.dataset_id)
    if len(list(storage.list(folder))) < 2:
        raise EvergreenError("the reference data set has no rows left", where=storage.uri(folder))
