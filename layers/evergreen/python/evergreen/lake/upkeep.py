"""Upkeep of the tables: few large files instead of many small ones, and nothing left over.

On AWS, Glue's table optimizers do this. Elsewhere it is done here:

- Small files of closed days are rewritten as one, rows sorted by time and each once.
- Snapshots that are old expire. The newest stays.
- Files that no snapshot names go once they are older than any compaction can be.

Each step is safe to kill: files first, then the commit, and what is left over goes the next time.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from pyiceberg.expressions import AlwaysTrue

from evergreen.clock import Clock, utc_now
from evergreen.lake.commits import CONFLICTS, replace
from evergreen.lake.held import held_lists, held_property
from evergreen.lake.reader import LATEST_LANDING
from evergreen.lake.rewriting import rewritten
from evergreen.lake.tables import LABELS, MAX_REASON, REQUEST_LOG, TableKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

SMALL_FILE_BYTES = 50 * 1024 * 1024
"""A file of less is small; two small ones of a day are worth a rewrite."""
KEEP_SNAPSHOTS = timedelta(days=5)
"""How long a snapshot is kept, as Glue's optimizer does by default."""
SAFE_AGE = timedelta(days=3)
"""Age from which a file without a name is left over; a compaction takes minutes."""


@dataclass(slots=True)
class UpkeepReport:
    """What the upkeep of one model's tables did.

    Parameters
    ----------
    rewritten
        Number of small files that were replaced by larger ones.
    snapshots
        Number of snapshots that expired.
    removed
        Number of files that nothing named.
    failures
        Table and reason of what could not be done; all else was.
    """

    rewritten: int = 0
    snapshots: int = 0
    removed: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def maintain(
    storage: Storage,
    catalog: LakeCatalog,
    definition: ModelDefinition,
    *,
    clock: Clock = utc_now,
) -> UpkeepReport:
    """Keep up the tables of a model. Failures are not raised; the report names them."""
    report = UpkeepReport()
    for kind in (REQUEST_LOG, LABELS):
        upkeep = _Upkeep(storage, catalog, kind, definition, clock())
        for step in (upkeep.rewrite, upkeep.expire, upkeep.forget_days, upkeep.remove):
            try:
                step(report)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other steps go on
                reason = f"{step.__name__}: {type(error).__name__}: {error}"[:MAX_REASON]
                report.failures.append((kind.table_name(definition.name), reason))
    return report


class _Upkeep:
    """The upkeep of one table of one model."""

    def __init__(
        self,
        storage: Storage,
        catalog: LakeCatalog,
        kind: TableKind,
        definition: ModelDefinition,
        now: datetime,
    ) -> None:
        self._storage = storage
        self._catalog = catalog
        self._kind = kind
        self._definition = definition
        self._now = now

    def rewrite(self, report: UpkeepReport) -> None:
        """Rewrite the small files of each closed day."""
        table = self._load()
        if table is None:
            return
        # A day is closed for good once nothing of it can land any more.
        closed = (self._now - LATEST_LANDING).astimezone(UTC).date()
        last = (closed - datetime(1970, 1, 1, tzinfo=UTC).date()).days
        for day, files in sorted(_small_files(table).items()):
            if day >= last:
                continue
            for together, new in rewritten(self._storage, table, self._kind, files, day):
                try:
                    replace(table, together, new)
                except CONFLICTS:
                    # Another commit took one of these files. The next upkeep looks again.
                    table.refresh()
                    continue
                report.rewritten += len(together)

    def expire(self, report: UpkeepReport) -> None:
        """Let old snapshots expire."""
        table = self._load()
        if table is None:
            return
        before = len(table.metadata.snapshots)
        limit = self._now - KEEP_SNAPSHOTS
        heads = {reference.snapshot_id for reference in table.metadata.refs.values()}
        old = [
            snapshot.snapshot_id
            for snapshot in table.metadata.snapshots
            if snapshot.timestamp_ms < limit.timestamp() * 1000
            and snapshot.snapshot_id not in heads
        ]
        if old:
            table.maintenance.expire_snapshots().by_ids(old).commit()
            report.snapshots += before - len(table.refresh().metadata.snapshots)

    def forget_days(self, report: UpkeepReport) -> None:  # noqa: ARG002 - as the other steps
        """Let go of the lists of days of which no raw object is left."""
        table = self._load()
        if table is None:
            return
        recent = (self._now - SAFE_AGE).date()
        model = self._definition.name
        done = [
            held_property(day)
            for day in held_lists(table)
            if day < recent
            and next(self._storage.list(self._kind.raw_prefix(model, day)), None) is None
        ]
        if done:
            with table.transaction() as transaction:
                transaction.remove_properties(*done)

    def remove(self, report: UpkeepReport) -> None:
        """Remove the files that nothing names."""
        table = self._load()
        if table is None:
            return
        model = self._definition.name
        prefixes = (self._kind.table_prefix(model), self._kind.held_prefix(model))
        old = [
            item.key
            for prefix in prefixes
            for item in self._storage.list(prefix)
            if self._now - item.modified > SAFE_AGE
        ]
        # Listed before: what is committed meanwhile is younger, or named here.
        named = {self._storage.key(place) for place in named_files(self._fresh(table))}
        named |= {*held_lists(self._fresh(table)).values()}
        left = [key for key in old if key not in named]
        self._storage.delete_all(left)
        report.removed += len(left)

    def _load(self) -> Table | None:
        return self._catalog.load(self._kind, self._definition.name)

    def _fresh(self, table: Table) -> Table:
        return self._load() or table


def _small_files(table: Table) -> dict[int, list[DataFile]]:
    """Return the small files by day, where there are at least two."""
    days: dict[int, list[DataFile]] = defaultdict(list)
    for task in table.scan(row_filter=AlwaysTrue()).plan_files():
        if task.file.file_size_in_bytes < SMALL_FILE_BYTES:
            days[task.file.partition[0]].append(task.file)
    return {day: files for day, files in days.items() if len(files) > 1}


def named_files(table: Table) -> Iterator[str]:
    """Yield the location of each file that the table's metadata names."""
    yield table.metadata_location
    for entry in table.metadata.metadata_log:
        yield entry.metadata_file
    seen = set()
    for snapshot in table.metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in snapshot.manifests(table.io):
            if manifest.manifest_path not in seen:
                seen.add(manifest.manifest_path)
                yield manifest.manifest_path
                for file in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
                    yield file.data_file.file_path
    for statistics in (*table.metadata.statistics, *table.metadata.partition_statistics):
        yield statistics.statistics_path
