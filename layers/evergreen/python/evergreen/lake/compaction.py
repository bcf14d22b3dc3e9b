"""Compaction: many small JSON-lines objects become rows of an Iceberg table, each once.

What is new is appended: files first, then a commit with which the table says that it holds the raw
objects. A large day is appended in portions, each with its commit: a compaction that runs out of
time leaves the rest to the next one. One that is killed leaves the state before or after one of its
commits, and files that no table names. A raw object is removed when it is old enough and the table
holds its records, never for its age alone. If one object, day or table fails, the others go on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import TYPE_CHECKING

from evergreen.clock import Clock, utc_now
from evergreen.lake.catalog import UNREADABLE
from evergreen.lake.commits import CONFLICTS
from evergreen.lake.held import HeldListError, read_held
from evergreen.lake.loading import Load
from evergreen.lake.repair import missing_files, without_missing
from evergreen.lake.tables import LABELS, MAX_REASON, REQUEST_LOG, TableKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pyiceberg.table import Table

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage, StoredObject

OPEN_PARTITION_BYTES = 50 * 1024 * 1024
"""Raw bytes from which a day is compacted while it is still open."""
CLOSING_TIME = timedelta(minutes=20)
"""A day is closed this long after midnight: Firehose buffers for at most 15 minutes."""
PORTION_BYTES = 1024 * 1024 * 1024
"""Raw bytes that are committed together: what a compaction that is killed has done in vain."""
MOST_BEGINNINGS = 5
"""How often a day is begun anew if other compactions always come first."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What one compaction of one day's raw objects did: how much came in, and what became of it."""

    table: str
    model: str
    day: str
    objects: int
    rows: int
    duplicates: int
    rejected: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be compacted, and why. Everything else was compacted."""

    table: str
    model: str
    place: str
    """Key of an object, or prefix of a day or a table."""
    reason: str


@dataclass(slots=True)
class CompactionReport:
    """What a compaction of one model did and did not do.

    Parameters
    ----------
    done
        One entry per day of landing that had something new.
    failures
        What went wrong. The raw objects concerned were left in place.
    oldest_waiting
        Landing time of the oldest raw object that no table holds yet, if there is one.
    removed
        Number of raw objects that were removed because a table holds their records.
    """

    done: list[Compaction] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    oldest_waiting: datetime | None = None
    removed: int = 0

    def add(self, new: Compaction) -> None:
        """Write down what was loaded, with what was loaded of the same day before."""
        last = self.done[-1] if self.done else None
        if last and (last.table, last.model, last.day) == (new.table, new.model, new.day):
            counted = ("objects", "rows", "duplicates", "rejected")
            sums = {name: getattr(last, name) + getattr(new, name) for name in counted}
            self.done[-1] = replace(last, **sums)
        else:
            self.done.append(new)

    def fail(self, kind: TableKind, model: str, place: str, error: Exception) -> None:
        """Write down what went wrong, and where."""
        reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
        self.failures.append(Failure(kind.name, model, place, reason))


def compact(
    storage: Storage,
    catalog: LakeCatalog,
    definition: ModelDefinition,
    *,
    include_open: bool = False,
    keep_raw: timedelta | None = None,
    clock: Clock = utc_now,
) -> CompactionReport:
    """Compact the days of a model's request log and ground truth that are due, of any age.

    Failures are not raised. The report names them, and everything else is compacted.

    Parameters
    ----------
    include_open
        Whether to compact days that are neither closed nor large.
    keep_raw
        How long a raw object is kept after a table holds its records. None: for ever.
    """
    now = clock()
    report = CompactionReport()
    for kind in (REQUEST_LOG, LABELS):
        compactor = _Compactor(storage, catalog, kind, definition, report)
        landed = compactor.landed()
        compactor.mend([day for day, _ in landed])
        for day, raw in landed:
            compactor.compact(day, raw, anyway=include_open or _closed(day, now))
            if keep_raw is not None:
                compactor.remove(day, [item for item in raw if now - item.modified > keep_raw])
    return report


def _closed(day: date, now: datetime) -> bool:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return now >= midnight + CLOSING_TIME


class _Compactor:
    """The compaction of one table of one model. Each step records its failures and goes on."""

    def __init__(
        self,
        storage: Storage,
        catalog: LakeCatalog,
        kind: TableKind,
        definition: ModelDefinition,
        report: CompactionReport,
    ) -> None:
        self._storage = storage
        self._catalog = catalog
        self._kind = kind
        self._definition = definition
        self._model = definition.name
        self._report = report
        self._mended = False

    def landed(self) -> list[tuple[date, list[StoredObject]]]:
        """Return the raw objects there are by the day they landed, the oldest day first."""
        prefix = self._kind.landing_prefix(self._model)
        days: dict[date, list[StoredObject]] = defaultdict(list)
        try:
            for item in self._storage.list(prefix):
                day = self._kind.day_landed(self._model, item.key)
                if day is None:
                    self._fail(item.key, ValueError("not below a day: nobody reads it"))
                    self._waits([item])
                else:
                    days[day].append(item)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other table goes on
            self._fail(prefix, error)
        return sorted(days.items())

    def mend(self, days: Sequence[date]) -> None:
        """Take files out of the table that are gone; what landed on these days is loaded again."""
        if not days:
            return
        try:
            table = self._readable()
            missing = missing_files(self._storage, table, days[0], days[-1]) if table else []
            for file in missing:
                error = FileNotFoundError("a file of the table is gone")
                self._fail(self._storage.key(file.file_path), error)
            if table and missing:
                without_missing(self._storage, table, self._kind, self._model, missing)
            self._mended = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the other table goes on
            self._fail(self._kind.table_prefix(self._model), error)

    def _readable(self) -> Table | None:
        """Return the table; if its metadata cannot be read, as the newest does that can."""
        try:
            return self._catalog.load(self._kind, self._model)
        except UNREADABLE as error:
            self._fail(self._kind.table_prefix(self._model), error)
            self._catalog.recover(self._kind, self._model)
        return self._catalog.load(self._kind, self._model)

    def compact(self, day: date, raw: Sequence[StoredObject], *, anyway: bool) -> None:
        """Compact one day if it is due, one portion after the other."""
        held: frozenset[str] = frozenset()
        tried: set[str] = set()
        conflicts = 0
        try:
            while self._mended:
                table = self._catalog.load(self._kind, self._model)
                held = self._held(table, day)
                fresh = [item for item in raw if item.key not in held | tried]
                due = anyway or tried or sum(item.size for item in fresh) >= OPEN_PARTITION_BYTES
                portion = _portion(fresh) if due else []
                try:
                    held = self._load(table, day, portion, held) if portion else held
                except CONFLICTS:
                    conflicts += 1
                    if conflicts == MOST_BEGINNINGS:
                        raise
                    continue
                tried.update(item.key for item in portion)
                if not due or len(portion) == len(fresh):
                    break
        except Exception as error:  # noqa: BLE001 - whatever it is, the other days go on
            self._fail(self._kind.raw_prefix(self._model, day), error)
        self._waits(item for item in raw if item.key not in held)

    def remove(self, day: date, raw: Sequence[StoredObject]) -> None:
        """Remove those raw objects of a day whose records the table is seen to hold."""
        if not raw or not self._mended:
            return
        try:
            held = read_held(self._storage, self._catalog.load(self._kind, self._model), day)
            keys = [item.key for item in raw if item.key in held]
            self._storage.delete_all(keys)
            self._report.removed += len(keys)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other days go on
            self._fail(self._kind.raw_prefix(self._model, day), error)

    def _held(self, table: Table | None, day: date) -> frozenset[str]:
        """Return what the table holds of a day. If nobody can tell, nothing: rows are known."""
        try:
            return read_held(self._storage, table, day)
        except HeldListError as error:
            self._fail(error.where or "", error)
            return frozenset()

    def _load(
        self,
        table: Table | None,
        day: date,
        fresh: Sequence[StoredObject],
        held: frozenset[str],
    ) -> frozenset[str]:
        """Put new objects into the table; return those that it holds now."""
        load = Load(self._storage, self._catalog, self._kind, self._definition, table, day)
        load.read(fresh)
        if load.objects:
            held = load.commit(held)
            self._report.add(
                Compaction(
                    table=self._kind.name,
                    model=self._model,
                    day=day.isoformat(),
                    objects=len(load.objects),
                    rows=load.rows,
                    duplicates=load.duplicates,
                    rejected=load.rejected,
                )
            )
        for place, error in load.failures:
            self._fail(place, error)
        return held

    def _waits(self, items: Iterable[StoredObject]) -> None:
        waiting = [item.modified for item in items]
        if self._report.oldest_waiting is not None:
            waiting.append(self._report.oldest_waiting)
        self._report.oldest_waiting = min(waiting, default=None)

    def _fail(self, place: str, error: Exception) -> None:
        self._report.fail(self._kind, self._model, place, error)


def _portion(items: Sequence[StoredObject]) -> list[StoredObject]:
    """Return the first of the objects: as many as are committed together."""
    sizes = accumulate(item.size for item in items)
    return [
        item
        for item, so_far in zip(items, sizes, strict=True)
        if so_far - item.size < PORTION_BYTES
    ]
