"""What nobody needs any more: versions left without a decision, bundles and data sets of none.

A version needs its bundle and its data set while it may serve: as long as it is not archived, and
for good once it was in production. A version that nobody decided about is abandoned when it is
older than a grace period, and than the retraining that runs now. Everything younger is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from evergreen.bundle.store import delete_bundle
from evergreen.datasets.store import delete_dataset
from evergreen.release.context import served_versions
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
    """Something of a model that nobody needs any more.

    Parameters
    ----------
    kind
        A version in the registry that was not decided about, a bundle, a data set, or a run that
        never ended.
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
    """Return what of a model nobody needs any more, in the order to remove it.

    Parameters
    ----------
    context
        Storage, pointer, registry and clock.
    model
        The model's name.
    is_running
        Says whether an execution is still running.
    grace
        How old something must be; a training by hand takes no lock and needs it.
    """
    before = _old_before(context, model, is_running, grace)
    served = served_versions(context, model)
    versions = context.registry.versions(model)
    abandoned = [item for item in versions if _is_abandoned(item, served, before)]
    # Of an abandoned version too: they go when it is put aside.
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


def remove(context: ReleaseContext, orphan: Orphan) -> None:
    """Remove an orphan; doing it again changes nothing.

    A version is rejected, so that a record says what became of it. A run is marked as failed, and
    stays.
    """
    if orphan.kind == "version":
        run = next(
            item.run_id
            for item in context.registry.versions(orphan.model)
            if item.version == orphan.name
        )
        evidence = context.registry.comparison_of(run)
        reject(context, orphan.model, orphan.name, evidence, reason=ABANDONED)
    elif orphan.kind == "bundle":
        delete_bundle(context.storage, orphan.model, orphan.name)
    elif orphan.kind == "data set":
        delete_dataset(context.storage, orphan.model, orphan.name)
    else:
        context.registry.end_run(orphan.name, failed=True)


def _old_before(
    context: ReleaseContext, model: str, is_running: Callable[[str], bool], grace: timedelta
) -> datetime:
    """Return the moment from which on everything may still be in use.

    S3 tells in whole seconds when something was written, so that what was written within the second
    after that moment may look older than it.
    """
    before = context.clock() - grace
    lock = read_lock(context.storage, model)
    if lock and is_running(lock.owner):
        before = min(before, lock.taken_at)
    return before.replace(microsecond=0)


def _is_abandoned(version: VersionEntry, served: dict[str, str], before: datetime) -> bool:
    return not version.archived and version.version not in served and version.created_at < before


def _old_folders(context: ReleaseContext, prefix: str, before: datetime) -> list[str]:
    """Return the folders directly below a prefix in which nothing was written lately."""
    newest: dict[str, datetime] = {}
    for item in context.storage.list(prefix):
        name = item.key.removeprefix(prefix).partition("/")[0]
        newest[name] = max(newest.get(name, item.modified), item.modified)
    return [name for name, modified in newest.items() if modified < before]
