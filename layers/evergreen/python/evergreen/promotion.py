"""Promotion, rejection and rollback: how what is in production changes, each safe to run again.

A promotion and a rollback commit when the production pointer is written; a rejection when the
version is archived. Everything before can be abandoned, everything after is done again by the next
call: interrupted at any step, calling with the same arguments finishes the job. The link from the
registry to the decision record is written last; where it is there, nothing is left to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.bundle import delete_bundle, load_bundle
from evergreen.dataset import delete_dataset, folder_key, read_manifest
from evergreen.decisions import (
    DecisionRecord,
    decision_key,
    decisions_prefix,
    read_record,
    read_records,
)
from evergreen.errors import (
    EvergreenError,
    NoProductionModelError,
    OutdatedComparisonError,
    RegistryError,
)
from evergreen.events import Events, EventType
from evergreen.production import Production, ProductionPointer

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.clock import Clock
    from evergreen.evaluation import Comparison
    from evergreen.registry import Registry
    from evergreen.registry_reader import RegisteredVersion
    from evergreen.storage import Storage

_KINDS = {
    "promote": EventType.MODEL_PROMOTED,
    "reject": EventType.CHALLENGER_REJECTED,
    "roll_back": EventType.MODEL_ROLLED_BACK,
}


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a decision is written to."""

    storage: Storage
    production: Production
    registry: Registry
    events: Events
    clock: Clock


def candidate_pointer(
    challenger: RegisteredVersion,
    *,
    promoted_at: datetime,
    metric: float | None = None,
    previous: str | None = None,
) -> ProductionPointer:
    """Return the pointer that would put a registered version into production."""
    return ProductionPointer(
        version=challenger.version,
        bundle_uri=challenger.bundle_uri,
        sha256=challenger.bundle_sha256,
        reference_dataset_id=challenger.dataset_id,
        promoted_at=promoted_at,
        metric=metric,
        previous=previous,
    )


def served_versions(desk: Desk, model: str) -> dict[str, str]:
    """Return every version that is or was in production, and its reference data set's id.

    A version counts if a pointer named it (Parameter Store keeps the last hundred) or a decision
    record says that it was promoted (they stay for good). Nothing that one of these stands on is
    ever deleted: production can go back to it.
    """
    records = read_records(desk.storage, model)
    served = {item.challenger: item.dataset_id for item in records if item.decision != "reject"}
    return served | {item.version: item.reference_dataset_id for item in _pointers(desk, model)}


def was_served(desk: Desk, model: str, version: str) -> bool:
    """Say whether a version is or was in production, without reading every decision there is."""
    if any(item.version == version for item in _pointers(desk, model)):
        return True
    keys = [item.key for item in desk.storage.list(decisions_prefix(model))]
    records = [read_record(desk.storage, key) for key in keys if key.endswith(f"-{version}.json")]
    return any(record is not None and record.decision != "reject" for record in records)


def promote(
    desk: Desk,
    model: str,
    version: str,
    comparison: Comparison | None,
    *,
    reason: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Put a challenger into production.

    Order: bundle verified, pointer written (from here on it serves; a shadow's slot is empty),
    MLflow mirrored, decision recorded, event put, decision linked to run and version. What was
    done already is found done, so the record keeps its one key; the event alone may be put once
    more.

    Parameters
    ----------
    desk
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    version
        The challenger's version in the registry.
    comparison
        The evidence it is promoted on; None only where that was lost.
    reason
        Why; the comparison's own reason if not given.
    execution
        ARN of the execution that decided, if one did.

    Raises
    ------
    RegistryError
        If the registry does not hold the version with a bundle, or if it was in production before
        and no longer is: going back is a rollback.
    OutdatedComparisonError
        If it was compared with a version that is no longer in production: it may be worse than what
        is. Nothing has been changed then either.
    BundleError
        If the bundle is missing, incomplete or altered; nor then.
    """
    challenger = desk.registry.find(model, version)
    pointer = desk.production.read(model)
    if pointer is None or pointer.version != version:
        if was_served(desk, model, version):
            raise RegistryError(
                "the version was in production before, so it is no challenger",
                where=f"{model} {version}",
                fix=f"Go back to it with `evergreen rollback {model} --to {version}`.",
            )
        _check_current(model, version, pointer, comparison)
        pointer = candidate_pointer(
            challenger,
            promoted_at=desk.clock(),
            metric=comparison.metric_challenger if comparison else None,
            previous=pointer.version if pointer else None,
        )
        load_bundle(desk.storage, pointer)
        desk.production.write(model, pointer)
    desk.registry.set_production(model, version, pointer.previous)
    record = DecisionRecord(
        model=model,
        decision="promote",
        decided_at=pointer.promoted_at,
        challenger=version,
        champion=pointer.previous,
        reason=reason or (comparison.reason if comparison else "no reason is known"),
        comparison=comparison,
        dataset_id=challenger.dataset_id,
        run_id=challenger.run_id,
        execution=execution,
    )
    return _publish(desk, record)


def reject(
    desk: Desk,
    model: str,
    version: str,
    comparison: Comparison | None,
    *,
    reason: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Put a challenger aside: nothing of it stays but its run and the decision.

    Order: shadow slot emptied if it holds the version, version archived with the reason, bundle
    deleted, data set deleted (unless production refers or has referred to the same one, or another
    version that may still be promoted does), decision recorded, event put, decision linked.

    Parameters
    ----------
    desk
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    version
        The challenger's version in the registry, with or without a bundle.
    comparison
        The evidence it is rejected on; None if it was never judged.
    reason
        Why; the comparison's own reason if not given.
    execution
        ARN of the execution that decided, if one did.

    Raises
    ------
    RegistryError
        If the version is or was in production, or the registry does not hold it.
    """
    if was_served(desk, model, version):
        raise RegistryError(
            "a version that is or was in production cannot be rejected",
            where=f"{model} {version}",
            fix="Roll production back to another version instead.",
        )
    versions = {item.version: item for item in desk.registry.versions(model)}
    if version not in versions:
        raise RegistryError("there is no such version", where=f"{model} {version}")
    challenger = versions[version]
    pointer = desk.production.read(model)
    if pointer and pointer.shadow and pointer.shadow.version == version:
        desk.production.set_shadow(model, None)
    why = reason or (comparison.reason if comparison else "no reason is known")
    decided_at = desk.registry.archive(model, version, why, desk.clock())
    delete_bundle(desk.storage, model, version)
    # Versions that were in production are never archived: they are among these.
    others = (item for item in versions.values() if not item.archived and item.version != version)
    kept = {item.reference_dataset_id for item in _pointers(desk, model)}
    if challenger.dataset_id not in kept | {item.dataset_id for item in others}:
        delete_dataset(desk.storage, model, challenger.dataset_id)
    record = DecisionRecord(
        model=model,
        decision="reject",
        decided_at=decided_at,
        challenger=version,
        champion=pointer.version if pointer else None,
        reason=why,
        comparison=comparison,
        dataset_id=challenger.dataset_id,
        run_id=challenger.run_id,
        execution=execution,
    )
    return _publish(desk, record)


def roll_back(
    desk: Desk,
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
    desk
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
    pointer = desk.production.read(model)
    if pointer is None:
        raise NoProductionModelError("nothing is in production", where=model)
    if not (pointer.rolled_back and to in (None, pointer.version)):
        pointer = _pointer_back(desk, model, pointer, to)
        desk.production.write(model, pointer)
    desk.registry.set_production(model, pointer.version, pointer.previous)
    record = DecisionRecord(
        model=model,
        decision="roll_back",
        decided_at=pointer.promoted_at,
        challenger=pointer.version,
        champion=pointer.previous,
        reason=reason,
        comparison=None,
        dataset_id=pointer.reference_dataset_id,
        run_id=desk.registry.find(model, pointer.version).run_id,
        execution=execution,
    )
    return _publish(desk, record)


def _pointer_back(
    desk: Desk, model: str, pointer: ProductionPointer, to: str | None
) -> ProductionPointer:
    version = to or pointer.previous
    if version is None:
        raise NoProductionModelError(
            f"nothing was in production before version {pointer.version}", where=model
        )
    if version == pointer.version:
        raise RegistryError("the version is in production now", where=f"{model} {version}")
    if not was_served(desk, model, version):
        served = served_versions(desk, model)
        others = ", ".join(sorted(served.keys() - {pointer.version})) or "none"
        raise RegistryError(
            "the version was never in production",
            where=f"{model} {version}",
            fix=f"Versions that were: {others}.",
        )
    # Its own former pointer has all it takes, so that going back does not wait for MLflow; only a
    # version that Parameter Store has forgotten is asked for there.
    former = [item for item in desk.production.history(model) if item.version == version]
    base = (
        former[-1]
        if former
        else candidate_pointer(desk.registry.find(model, version), promoted_at=desk.clock())
    )
    back = base.model_copy(
        update={
            "promoted_at": desk.clock(),
            "previous": pointer.version,
            "rolled_back": True,
            "shadow": pointer.shadow,
        }
    )
    load_bundle(desk.storage, back)
    _check_reference(desk.storage, model, back.reference_dataset_id)
    return back


def _check_current(
    model: str, version: str, pointer: ProductionPointer | None, comparison: Comparison | None
) -> None:
    """Make sure that the evidence is about what the challenger would replace."""
    beaten = comparison.champion if comparison else None
    if beaten is not None and (pointer is None or pointer.version != beaten):
        present = f"version {pointer.version}" if pointer else "nothing"
        raise OutdatedComparisonError(
            f"it was compared with version {beaten}, and {present} is in production now",
            where=f"{model} {version}",
            fix="Compare it with what is in production.",
        )


def _pointers(desk: Desk, model: str) -> list[ProductionPointer]:
    return desk.production.history(model) if desk.production.read(model) else []


def _check_reference(storage: Storage, model: str, dataset_id: str) -> None:
    """Make sure that drift can be looked for against the version's own data set."""
    manifest = read_manifest(storage, model, dataset_id)
    folder = folder_key(model, manifest.dataset_id)
    if len(list(storage.list(folder))) < 2:
        raise EvergreenError("the reference data set has no rows left", where=storage.uri(folder))


def _publish(desk: Desk, record: DecisionRecord) -> DecisionRecord:
    """Record a decision once, tell of it, and link it to its run and version."""
    key = decision_key(record)
    known = read_record(desk.storage, key)
    if known:
        record = known  # the first call's evidence and reason stay
    else:
        desk.storage.put_json(key, record.model_dump(mode="json"))
    uri = desk.storage.uri(key)
    if desk.registry.decision_of(record.model, record.challenger) == uri:
        return record
    evidence = record.comparison.model_dump(mode="json") if record.comparison else {}
    desk.events.put(
        _KINDS[record.decision],
        record.model,
        {
            **evidence,
            "challenger": record.challenger,
            "champion": record.champion,
            "decision": record.decision,
            "decided_at": record.decided_at,
            "reason": record.reason,
            "execution": record.execution,
            "dataset_id": record.dataset_id,
            "run_id": record.run_id,
            "decision_record": uri,
        },
    )
    folder = folder_key(record.model, record.dataset_id)
    desk.registry.link_decision(
        record.model, record.challenger, record.decision, uri, desk.storage.uri(folder)
    )
    return record
