"""What interruptions leave behind, and how each of them is completed or undone.

Nothing here is needed for the loop to go on: the next retraining takes over a stale lock and
finishes what it meets. The doctor finds it without waiting for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.registry.writer import CHALLENGER, CHAMPION, PREVIOUS
from evergreen.release.decision_log import read_record, record_key
from evergreen.release.promotion import promote, reject
from evergreen.release.retraining_lock import read_lock, release_stale
from evergreen.release.rollback import roll_back
from evergreen.repair.orphans import ABANDONED, GRACE, find_orphans, remove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import timedelta

    from evergreen.evaluation.comparison import Comparison
    from evergreen.production import ProductionPointer
    from evergreen.registry.reader import VersionEntry
    from evergreen.release.context import Desk
    from evergreen.repair.orphans import Orphan

_LOST = "the reason was lost when it was interrupted"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Parameters
    ----------
    model
        The model's name.
    what
        What is wrong.
    fix
        What its repair does.
    repair
        Does it; safe to call again.
    """

    model: str
    what: str
    fix: str
    repair: Callable[[], object]


def examine(
    desk: Desk, model: str, *, is_running: Callable[[str], bool], grace: timedelta = GRACE
) -> list[Finding]:
    """Return what is wrong with a model, in the order to repair it.

    While a retraining runs, what it may be working on is left to it.

    Parameters
    ----------
    desk
        Everything that decisions are written to.
    model
        The model's name.
    is_running
        Says whether an execution is still running.
    grace
        How old something must be to be called abandoned.
    """
    lock = read_lock(desk.storage, model)
    busy = lock is not None and is_running(lock.owner)
    findings: list[Finding] = []
    if lock and not busy:
        findings.append(
            Finding(
                model,
                f"the lock is held by {lock.owner}, which no longer runs",
                "delete the lock",
                lambda: release_stale(desk.storage, model, is_running),
            )
        )
    pointer = desk.production.read(model)
    if pointer:
        findings += _shadow(desk, model, pointer, is_running)
    if not busy:
        findings += _production(desk, model, pointer) if pointer else []
        findings += _rejections(desk, model)
    orphans = find_orphans(desk, model, is_running=is_running, grace=grace)
    return [*findings, *(_orphan(desk, orphan) for orphan in orphans)]


def _shadow(
    desk: Desk, model: str, pointer: ProductionPointer, is_running: Callable[[str], bool]
) -> Iterator[Finding]:
    slot = pointer.shadow
    if slot is None:
        return
    alive = {item.version for item in desk.registry.versions(model) if not item.archived}
    if slot.owner and not is_running(slot.owner):
        why = f"put there by {slot.owner}, which no longer runs"
    elif slot.version not in alive:
        why = "which is archived"
    else:
        return
    yield Finding(
        model,
        f"the shadow slot holds version {slot.version}, {why}",
        "empty the slot",
        lambda: desk.production.set_shadow(model, None),
    )


def _production(desk: Desk, model: str, pointer: ProductionPointer) -> Iterator[Finding]:
    version, registry = pointer.version, desk.registry
    key = record_key(model, pointer.promoted_at, version)
    record = read_record(desk.storage, key)
    mirrored = (
        registry.in_stage(model) == [version]
        and registry.with_alias(model, CHAMPION) == version
        and registry.with_alias(model, CHALLENGER) != version
        and pointer.previous in (None, registry.with_alias(model, PREVIOUS))
    )
    if record is None:
        what = f"version {version} is in production and no decision record says so"
    elif not mirrored:
        what = f"version {version} is in production and MLflow shows something else"
    elif registry.decision_of(model, version) != desk.storage.uri(key):
        what = f"version {version} is in production and its decision was not announced"
    else:
        return

    def complete() -> None:
        if pointer.rolled_back:
            roll_back(desk, model, record.reason if record else _LOST, to=version)
            return
        evidence = record.comparison if record else _evidence(desk, model, version)
        promote(desk, model, version, evidence, reason=None if evidence else _LOST)

    done = "rollback" if pointer.rolled_back else "promotion"
    yield Finding(model, what, f"complete the {done}", complete)


def _rejections(desk: Desk, model: str) -> Iterator[Finding]:
    """Find versions whose archiving was the last that happened to them."""
    for item in desk.registry.versions(model):
        if not item.archived or item.decision_record:
            continue
        evidence = desk.registry.comparison_of(item.run_id)
        # A version that failed before it was judged was archived, and that was all to be done.
        if evidence or item.archived_reason == ABANDONED:
            yield _rejection(desk, model, item, evidence)


def _rejection(
    desk: Desk, model: str, version: VersionEntry, evidence: Comparison | None
) -> Finding:
    return Finding(
        model,
        f"the rejection of version {version.version} was interrupted",
        "complete the rejection",
        lambda: reject(
            desk, model, version.version, evidence, reason=version.archived_reason or _LOST
        ),
    )


def _orphan(desk: Desk, orphan: Orphan) -> Finding:
    what, fix = {
        "version": ("was never decided about", "archive it, delete its bundle and data set"),
        "bundle": ("belongs to no version that may serve", "delete it"),
        "data set": ("belongs to no version that may serve", "delete it"),
        "run": ("began and never ended", "mark it as failed"),
    }[orphan.kind]
    return Finding(
        orphan.model,
        f"{orphan.kind} {orphan.name} {what}",
        fix,
        lambda: remove(desk, orphan),
    )


def _evidence(desk: Desk, model: str, version: str) -> Comparison | None:
    return desk.registry.comparison_of(desk.registry.find(model, version).run_id)
