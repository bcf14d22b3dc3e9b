"""Consistency checks: find interrupted operations, and complete or undo them.

The loop works without these checks: the next retraining takes over a stale lock and finishes
interrupted operations. The doctor finds them without waiting for a retraining.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.errors import PointerError
from evergreen.registry.writer import CHALLENGER, CHAMPION, PREVIOUS
from evergreen.release.decision_log import DOCTOR, decision_record_key, read_decision_record
from evergreen.release.promotion import promote, reject
from evergreen.release.retraining_lock import read_lock, release_stale
from evergreen.release.rollback import roll_back
from evergreen.repair.loss import is_elsewhere
from evergreen.repair.orphans import ABANDONED, GRACE, find_orphans, remove_orphan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from evergreen.evaluation.comparison import Comparison
    from evergreen.production import ProductionPointer
    from evergreen.registry.reader import VersionEntry
    from evergreen.release.context import ReleaseContext
    from evergreen.repair.orphans import Orphan

_LOST = "the reason was lost when it was interrupted"


@dataclass(frozen=True, slots=True)
class Inconsistency:
    """One inconsistency, and its repair.

    Parameters
    ----------
    model
        The model's name.
    what
        What is wrong.
    fix
        What its repair does.
    repair
        Repairs it. It is safe to call it again.
    """

    model: str
    what: str
    fix: str
    repair: Callable[[], object]


def find_inconsistencies(
    context: ReleaseContext,
    model: str,
    *,
    is_running: Callable[[str], bool],
    grace: timedelta = GRACE,
) -> list[Inconsistency]:
    """Return the findings about a model, in the order of repair.

    While a retraining runs, nothing that it may be using is reported.

    Parameters
    ----------
    context
        Everything that decisions are written to.
    model
        The model's name.
    is_running
        Says whether an execution is still running.
    grace
        The age from which something undecided counts as abandoned.
    """
    lock = read_lock(context.storage, model)
    busy = lock is not None and is_running(lock.owner)
    findings: list[Inconsistency] = []
    if lock and not busy:
        findings.append(
            Inconsistency(
                model,
                f"the lock is held by {lock.owner}, which no longer runs",
                "delete the lock",
                lambda: release_stale(context.storage, model, is_running),
            )
        )
    try:
        pointer = context.production.read(model)
    except PointerError as error:
        damage = f"the production pointer cannot be read: {error.what}"
        findings.append(
            Inconsistency(
                model,
                damage,
                "put the last valid pointer back",
                lambda: roll_back(context, model, damage, execution=DOCTOR),
            )
        )
        return findings  # until it is repaired, nothing tells what else is needed
    if pointer and is_elsewhere(context, pointer):
        # Nothing of this deployment can serve it, so nothing else about production can be right.
        return [*findings, _of_another_deployment(context, model, pointer)]
    if pointer and not any(context.storage.list(context.storage.key(pointer.bundle_uri))):
        return [*findings, _without_bundle(context, model, pointer)]
    if pointer:
        findings += _shadow(context, model, pointer, is_running)
    if not busy:
        findings += _production(context, model, pointer) if pointer else []
        findings += _rejections(context, model)
    orphans = find_orphans(context, model, is_running=is_running, grace=grace)
    return [*findings, *(_orphan(context, orphan) for orphan in orphans)]


def _of_another_deployment(
    context: ReleaseContext, model: str, pointer: ProductionPointer
) -> Inconsistency:
    return Inconsistency(
        model,
        f"the production pointer names {pointer.bundle_uri}, of a deployment that was destroyed: "
        f"the data bucket is {context.storage.bucket} now",
        "withdraw the pointer, so that a new version can be trained and promoted",
        lambda: context.production.withdraw(model),
    )


def _without_bundle(
    context: ReleaseContext, model: str, pointer: ProductionPointer
) -> Inconsistency:
    return Inconsistency(
        model,
        f"version {pointer.version} is in production, and its bundle is gone: nothing can serve it",
        "withdraw the pointer, so that a new version can be trained and promoted",
        lambda: context.production.withdraw(model),
    )


def _shadow(
    context: ReleaseContext,
    model: str,
    pointer: ProductionPointer,
    is_running: Callable[[str], bool],
) -> Iterator[Inconsistency]:
    slot = pointer.shadow
    if slot is None:
        return
    alive = {item.version for item in context.registry.versions(model) if not item.archived}
    if slot.owner and not is_running(slot.owner):
        why = f"put there by {slot.owner}, which no longer runs"
    elif slot.version not in alive:
        why = "which is archived"
    else:
        return
    yield Inconsistency(
        model,
        f"the shadow slot holds version {slot.version}, {why}",
        "empty the slot",
        lambda: context.production.set_shadow(model, None),
    )


def _production(
    context: ReleaseContext, model: str, pointer: ProductionPointer
) -> Iterator[Inconsistency]:
    version, registry = pointer.version, context.registry
    key = decision_record_key(model, pointer.promoted_at, version)
    record = read_decision_record(context.storage, key)
    mirrored = (
        registry.in_stage(model) == [version]
        and registry.with_alias(model, CHAMPION) == version
        and registry.with_alias(model, CHALLENGER) != version
        and pointer.previous in (None, registry.with_alias(model, PREVIOUS))
    )
    if record is None:
        what = f"version {version} is in production without a decision record"
    elif not mirrored:
        what = f"version {version} is in production, but MLflow shows another state"
    elif registry.decision_of(model, version) != context.storage.uri(key):
        what = f"version {version} is in production, but its decision was not announced"
    else:
        return

    def complete() -> None:
        if pointer.rolled_back:
            reason = record.reason if record else _LOST
            roll_back(context, model, reason, to=version, execution=DOCTOR)
            return
        evidence = record.comparison if record else _evidence(context, model, version)
        lost = None if evidence else _LOST
        promote(context, model, version, evidence, reason=lost, execution=DOCTOR)

    done = "rollback" if pointer.rolled_back else "promotion"
    yield Inconsistency(model, what, f"complete the {done}", complete)


def _rejections(context: ReleaseContext, model: str) -> Iterator[Inconsistency]:
    """Find archived versions whose rejection was not finished."""
    for item in context.registry.versions(model):
        if not item.archived or item.decision_record:
            continue
        evidence = context.registry.comparison_of(item.run_id)
        # A version that failed before its evaluation only has to be archived. That is done.
        if evidence or item.archived_reason == ABANDONED:
            yield _rejection(context, model, item, evidence)


def _rejection(
    context: ReleaseContext, model: str, version: VersionEntry, evidence: Comparison | None
) -> Inconsistency:
    return Inconsistency(
        model,
        f"the rejection of version {version.version} was interrupted",
        "complete the rejection",
        lambda: reject(
            context,
            model,
            version.version,
            evidence,
            reason=version.archived_reason or _LOST,
            execution=DOCTOR,
        ),
    )


def _orphan(context: ReleaseContext, orphan: Orphan) -> Inconsistency:
    what, fix = {
        "version": ("has no decision", "archive it, delete its bundle and data set"),
        "bundle": ("belongs to no version that may serve", "delete it"),
        "data set": ("belongs to no version that may serve", "delete it"),
        "run": ("started and never ended", "mark it as failed"),
    }[orphan.kind]
    return Inconsistency(
        orphan.model,
        f"{orphan.kind} {orphan.name} {what}",
        fix,
        lambda: remove_orphan(context, orphan),
    )


def _evidence(context: ReleaseContext, model: str, version: str) -> Comparison | None:
    return context.registry.comparison_of(context.registry.find(model, version).run_id)
