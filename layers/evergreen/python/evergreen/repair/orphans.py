"""Orphans: versions without a decision, and bundles and data sets that no version needs.

A version needs its bundle and its data set while it may serve. It may serve until it is archived,
and forever if it was ever in production. A version without a decision is abandoned if it is older
than a grace period and older than the running retraining. Everything younger is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from evergreen.bundle.store import delete_bundle
from evergreen.datasets.store import delete_dataset
from evergreen.release.context import served_versions
from evergreen.release.decision_log import DOCTOR
from evergreen.release.promotion import reject
from evergreen.release.retraining_lock import read_lock

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from evergreen.registry.reader import VersionEntry
    from evergreen.release.context import ReleaseContext

GRACE = timedelta(hours=2)
"""Longer than a retraining takes: the state machine ends after ninety minutes."""

ABANDONED = "abandoned: its retraining ended before a decision"


@dataclass(frozen=True, slots=True)
class Orphan:
    """Something of a model that is no longer needed.

    Parameters
    ----------
    kind
        A version in the registry without a decision, a bundle, a data set, or a run that never
        ended.
    model
        The model's name.
    name
        Version, data set id or run id.
    """

    kind: Literal["version", "bundle", "data set", "run"]
    model: str
    name: str


def find_orphans(
    context: ReleaseContext,
    model: str,
    *,
    is_running: Callable[[str], bool],
    grace: timedelta = GRACE,
) -> list[Orphan]:
    """Return the orphans of a model, in the order of removal.

    Parameters
    ----------
    context
        Storage, pointer, registry and clock.
    model
        The model's name.
    is_running
        Says whether an execution is still running.
    grace
        The minimum age of an orphan. It protects a training by hand, which takes no lock.
    """
    before = _old_before(context, model, is_running, grace)
    served = served_versions(context, model)
    versions = context.registry.versions(model)
    abandoned = [item for item in versions if _is_abandoned(item, served, before)]
    # Abandoned versions count as alive here: their rejection deletes bundle and data set.
    alive = [item for item in versions if not item.archived]
    bundles = {*served, *(item.version for item in alive)}
    datasets = {*served.values(), *(item.dataset_id for item in alive)}
    return [
        *(Orphan("version", model, item.version) for item in abandoned),
        *(
            Orphan("bundle", model, name)
            for name in _old_folders(context, f"bundles/{model}/", before)
            if name not in bundles
        ),
        *(
            Orphan("data set", model, name)
            for name in _old_folders(context, f"datasets/{model}/", before)
            if name not in datasets
        ),
        *(Orphan("run", model, name) for name in context.registry.open_runs(model, before)),
    ]


def remove_orphan(context: ReleaseContext, orphan: Orphan) -> None:
    """Remove an orphan; a second call changes nothing.

    A version is rejected, so that it has a decision record. A run is marked as failed and kept.
    """
    if orphan.kind == "version":
        run = next(
            item.run_id
            for item in context.registry.versions(orphan.model)
            if item.version == orphan.name
        )
        evidence = context.registry.comparison_of(run)
        reject(context, orphan.model, orphan.name, evidence, reason=ABANDONED, execution=DOCTOR)
    elif orphan.kind == "bundle":
        delete_bundle(context.storage, orphan.model, orphan.name)
    elif orphan.kind == "data set":
        delete_dataset(context.storage, orphan.model, orphan.name)
    else:
        context.registry.end_run(orphan.name, failed=True)


def _old_before(
    context: ReleaseContext, model: str, is_running: Callable[[str], bool], grace: timedelta
) -> datetime:
    """Return the time from which everything may still be in use.

    S3 reports the time of a write in whole seconds. So an object written less than a second after
    this time may look older than it. The result is rounded down for that reason.
    """
    before = context.clock() - grace
    lock = read_lock(context.storage, model)
    if lock and is_running(lock.owner):
        before = min(before, lock.taken_at)
    return before.replace(microsecond=0)


def _is_abandoned(version: VersionEntry, served: dict[str, str], before: datetime) -> bool:
    return not version.archived and version.version not in served and version.created_at < before


def _old_folders(context: ReleaseContext, prefix: str, before: datetime) -> list[str]:
    """Return the folders directly below a prefix without a write since ``before``."""
    newest: dict[str, datetime] = {}
    for item in context.storage.list(prefix):
        name = item.key.removeprefix(prefix).partition("/")[0]
        newest[name] = max(newest.get(name, item.modified), item.modified)
    return [name for name, modified in newest.items() if modified < before]
