"""Rollback: puts an earlier version back into production; safe to run again.

It commits when it writes the production pointer, and needs nothing but the data bucket and the
pointer for that. After an interruption, a second call finishes the remaining steps. MLflow, which
only shows to people what serves, follows afterwards (:func:`mirror_rollback`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import load_bundle, stored_bundle
from evergreen.datasets.manifest import folder_key, read_manifest
from evergreen.errors import EvergreenError, NoProductionModelError, PointerError, RegistryError
from evergreen.production import ProductionPointer
from evergreen.release.context import decision_event, pointers_of, served_versions, was_served
from evergreen.release.decision_log import (
    DecisionRecord,
    decision_key,
    read_decision_record,
    read_decision_records,
)

if TYPE_CHECKING:
    from evergreen.release.context import ReleaseContext, RollbackContext
    from evergreen.storage import Storage


def roll_back(
    context: ReleaseContext,
    model: str,
    reason: str,
    *,
    to: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Put an earlier version back into production, and let MLflow show it.

    That is :func:`move_back` and then :func:`mirror_rollback`, with the parameters and errors of
    both.
    """
    record = move_back(context, model, reason, to=to, execution=execution)
    mirror_rollback(context, model, record.challenger, record.dataset_id, _uri(context, record))
    return record


def move_back(
    context: RollbackContext,
    model: str,
    reason: str,
    *,
    to: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Put an earlier version back into production.

    Order: verify the bundle and find the reference data set, write the pointer (now the older
    version serves), send the event, record the decision. If the record is there, nothing is left
    to do. Only the event may be sent twice.

    The pointer records that it came from a rollback. A second call with the same version, or with
    none, only finishes that rollback. So the same command given twice does not go back twice. To go
    further back, name the version.

    If the pointer's value is not a pointer, a call without a version puts the last valid one back.

    Parameters
    ----------
    context
        Storage, pointer, events and clock.
    model
        The model's name.
    reason
        Why, for the record. Once there is a record, a repeated call keeps its reason.
    to
        The version to go back to; the previous version if not given.
    execution
        The execution or alarm that decided; None if a person did.

    Raises
    ------
    NoProductionModelError
        If no version is in production, or there is no previous version.
    RegistryError
        If the version was never in production, or is in production now.
    BundleError
        If its bundle is missing, incomplete or altered. Nothing has been changed.
    EvergreenError
        If its reference data set is gone. Nothing has been changed.
    """
    pointer, damaged = _present(context, model)
    if damaged or not (pointer.rolled_back and to in (None, pointer.version)):
        pointer = _pointer_back(context, model, pointer, to, damaged=damaged)
        context.production.write(model, pointer)
    record = DecisionRecord(
        model=model,
        decision="roll_back",
        decided_at=pointer.promoted_at,
        challenger=pointer.version,
        champion=pointer.previous,
        reason=reason,
        comparison=None,
        dataset_id=pointer.reference_dataset_id,
        run_id=_run_of(context, model, pointer.version),
        execution=execution,
    )
    key = decision_key(record)
    known = read_decision_record(context.storage, key)
    if known:
        return known
    context.events.put(decision_event(record, _uri(context, record)))
    context.storage.put_json(key, record.model_dump(mode="json"))
    return record


def mirror_rollback(
    context: ReleaseContext, model: str, version: str, dataset_id: str, record: str
) -> None:
    """Let MLflow show what is in production, and link a rollback's decision; safe to run again.

    Parameters
    ----------
    version, dataset_id
        The version that the rollback restored, and its data set.
    record
        URI of the decision record.

    Raises
    ------
    RegistryError
        If MLflow refused or cannot be reached.
    """
    # The pointer and not the rollback decides, because production may have changed again.
    pointer = context.production.read(model)
    if pointer is not None:
        context.registry.set_production(model, pointer.version, pointer.previous)
    if context.registry.decision_of(model, version) != record:
        folder = context.storage.uri(folder_key(model, dataset_id))
        context.registry.link_decision(model, version, "roll_back", record, folder)


def _present(context: RollbackContext, model: str) -> tuple[ProductionPointer, bool]:
    """Return the pointer, or the last valid one and that the present one is damaged."""
    try:
        pointer, damaged = context.production.read(model), False
    except PointerError:
        pointer, damaged = context.production.read_last_valid(model), True
    if pointer is None:
        what = "no pointer is left that can be read" if damaged else "no version is in production"
        raise NoProductionModelError(what, where=model)
    return pointer, damaged


def _pointer_back(
    context: RollbackContext,
    model: str,
    pointer: ProductionPointer,
    to: str | None,
    *,
    damaged: bool,
) -> ProductionPointer:
    version = to or (pointer.version if damaged else pointer.previous)
    if version is None:
        raise NoProductionModelError(
            f"nothing was in production before version {pointer.version}", where=model
        )
    if version == pointer.version and not damaged:
        raise RegistryError("the version is in production now", where=f"{model} {version}")
    if not was_served(context, model, version):
        served = served_versions(context, model)
        others = ", ".join(sorted(served.keys() - {pointer.version})) or "none"
        raise RegistryError(
            "the version was never in production",
            where=f"{model} {version}",
            fix=f"Versions that were: {others}.",
        )
    back = _former(context, model, version).model_copy(
        update={
            "promoted_at": context.clock(),
            "previous": None if version == pointer.version else pointer.version,
            "rolled_back": True,
            "shadow": pointer.shadow,
        }
    )
    load_bundle(context.storage, back)
    _check_reference(context.storage, model, back.reference_dataset_id)
    return back


def _former(context: RollbackContext, model: str, version: str) -> ProductionPointer:
    """Return the newest pointer of a version that served.

    Only a version that Parameter Store no longer has is read from the bucket.
    """
    former = [item for item in pointers_of(context, model) if item.version == version]
    if former:
        return former[-1]
    uri, sha256 = stored_bundle(context.storage, model, version)
    return ProductionPointer(
        version=version,
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id=served_versions(context, model)[version],
        promoted_at=context.clock(),
    )


def _run_of(context: RollbackContext, model: str, version: str) -> str:
    """Return the run that trained a version, from the decision that promoted it."""
    records = read_decision_records(context.storage, model)
    return next((item.run_id for item in reversed(records) if item.challenger == version), "")


def _uri(context: RollbackContext, record: DecisionRecord) -> str:
    return context.storage.uri(decision_key(record))


def _check_reference(storage: Storage, model: str, dataset_id: str) -> None:
    """Check that the version's own data set is there, as the reference for drift checks."""
    manifest = read_manifest(storage, model, dataset_id)
    folder = folder_key(model, manifest.dataset_id)
    if len(list(storage.list(folder))) < 2:
        raise EvergreenError("the reference data set has no rows left", where=storage.uri(folder))
