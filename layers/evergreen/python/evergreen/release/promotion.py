"""Promotion and rejection of a challenger, each safe to run again.

A promotion commits when it writes the production pointer. A rejection commits when it archives the
version. An interruption before the commit changes nothing. After the commit, a call with the same
arguments finishes the remaining steps. The link from the registry to the decision record is written
last. If it is there, nothing is left to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.bundle.store import delete_bundle, load_bundles
from evergreen.datasets.store import delete_dataset
from evergreen.errors import OutdatedComparisonError, RegistryError
from evergreen.production import ProductionPointer
from evergreen.release.context import pointers_of, publish_decision, was_served
from evergreen.release.decision_log import DecisionRecord

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.evaluation.comparison import Comparison
    from evergreen.registry.reader import RegisteredVersion
    from evergreen.release.context import ReleaseContext


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


def promote(
    context: ReleaseContext,
    model: str,
    version: str,
    comparison: Comparison | None,
    *,
    reason: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Put a challenger into production.

    Order: verify the bundles, write the pointer (now the challenger serves, and the shadow slot is
    empty), update MLflow, record the decision, send the event, link the decision to run and
    version. A repeated call skips finished steps, so there is one record. Only the event may be
    sent twice.

    Parameters
    ----------
    context
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    version
        The challenger's version in the registry.
    comparison
        The evidence; None only if it was lost.
    reason
        Why; the comparison's own reason if not given.
    execution
        ARN of the execution that decided, if one did.

    Raises
    ------
    RegistryError
        If the registry has no such version with a bundle, or if the version was in production
        before and no longer is: use a rollback to go back.
    OutdatedComparisonError
        If production has another version than the one it was compared with. The challenger may be
        worse than that version. Nothing has been changed.
    BundleError
        If the bundle is missing, incomplete or altered. Nothing has been changed.
    """
    challenger = context.registry.find(model, version)
    pointer = context.production.read_last_valid(model)
    if pointer is None or pointer.version != version:
        _check_current(model, version, pointer, comparison)
        if was_served(context, model, version):
            raise RegistryError(
                "the version was in production before, so it is not a challenger",
                where=f"{model} {version}",
                fix=f"Go back to it with `evergreen rollback {model} --to {version}`.",
            )
        pointer = candidate_pointer(
            challenger,
            promoted_at=context.clock(),
            metric=comparison.metric_challenger if comparison else None,
            previous=pointer.version if pointer else None,
        )
        load_bundles(context.storage, pointer)
        context.production.write(model, pointer)
    context.registry.set_production(model, version, pointer.previous)
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
    return publish_decision(context, record)


def reject(
    context: ReleaseContext,
    model: str,
    version: str,
    comparison: Comparison | None,
    *,
    reason: str | None = None,
    execution: str | None = None,
) -> DecisionRecord:
    """Reject a challenger: only its run and the decision are kept.

    Order: empty the shadow slot if it holds the version, archive the version with the reason,
    delete the bundle, delete the data set, record the decision, send the event, link the decision.
    The data set is kept if a pointer names or has named it, or if another version that may still
    be promoted uses it.

    Parameters
    ----------
    context
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    version
        The challenger's version in the registry, with or without a bundle.
    comparison
        The evidence; None if the challenger was never evaluated.
    reason
        Why; the comparison's own reason if not given.
    execution
        ARN of the execution that decided, if one did.

    Raises
    ------
    RegistryError
        If the version is or was in production, or the registry does not have it.
    """
    if was_served(context, model, version):
        raise RegistryError(
            "a version that is or was in production cannot be rejected",
            where=f"{model} {version}",
            fix="Roll production back to another version instead.",
        )
    versions = {item.version: item for item in context.registry.versions(model)}
    if version not in versions:
        raise RegistryError("there is no such version", where=f"{model} {version}")
    challenger = versions[version]
    pointer = context.production.read_last_valid(model)
    if pointer and pointer.shadow and pointer.shadow.version == version:
        context.production.set_shadow(model, None)
    why = reason or (comparison.reason if comparison else "no reason is known")
    decided_at = context.registry.archive(model, version, why, context.clock())
    delete_bundle(context.storage, model, version)
    # These include all versions that were in production, because they are never archived.
    others = (item for item in versions.values() if not item.archived and item.version != version)
    kept = {item.reference_dataset_id for item in pointers_of(context, model)}
    if challenger.dataset_id not in kept | {item.dataset_id for item in others}:
        delete_dataset(context.storage, model, challenger.dataset_id)
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
    return publish_decision(context, record)


def _check_current(
    model: str, version: str, pointer: ProductionPointer | None, comparison: Comparison | None
) -> None:
    """Check that the challenger was compared with the version that it would replace."""
    if comparison is None:
        return
    compared, present = comparison.champion, pointer.version if pointer else None
    unsaid = compared is None and comparison.metric_champion is not None
    if unsaid or compared == present:
        return
    beaten, serving = (
        f"version {which}" if which else "no version" for which in (compared, present)
    )
    raise OutdatedComparisonError(
        f"it was compared with {beaten}, and {serving} is in production now",
        where=f"{model} {version}",
        fix="Compare it with the version in production.",
    )
