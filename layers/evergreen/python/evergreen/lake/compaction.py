"""Compaction: many small JSON-lines objects become one Parquet file per day, each row once.

The order makes it safe to kill at any point: Parquet file, then manifest (the commit), then
removal of the file it replaces. A raw object is removed when it is old enough and the table holds
its records, never for its age alone. If one object, day or table fails, the others go on.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from evergreen.clock import Clock, utc_now
from evergreen.lake.reader import GROUP_ROWS, MANIFEST, Lake, PartitionManifest
from evergreen.lake.tables import LABELS, MAX_REASON, REQUEST_LOG, Rejected, TableKind, concat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa

    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage, StoredObject

OPEN_PARTITION_BYTES = 50 * 1024 * 1024
"""Raw bytes from which a partition is compacted while its day is still open."""
CLOSING_TIME = timedelta(minutes=20)
"""A day is closed this long after midnight: Firehose buffers for at most 15 minutes."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What one compaction of one partition did."""

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
        One entry per partition that had something new.
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

    def fail(self, kind: TableKind, model: str, place: str, error: Exception) -> None:
        """Write down what went wrong, and where."""
        reason = f"{type(error).__name__}: {error}"[:MAX_REASON]
        self.failures.append(Failure(kind.name, model, place, reason))


def compact(
    storage: Storage,
    definition: ModelDefinition,
    *,
    include_open: bool = False,
    keep_raw: timedelta | None = None,
    clock: Clock = utc_now,
) -> CompactionReport:
    """Compact the partitions of a model's request log and ground truth that are due, of any age.

    Failures are not raised. The report names them, and everything else is compacted.

    Parameters
    ----------
    include_open
        Whether to compact partitions that are neither closed nor large.
    keep_raw
        How long a raw object is kept after a table holds its records. None: for ever.
    """
    now = clock()
    report = CompactionReport()
    for kind in (REQUEST_LOG, LABELS):
        table = _Table(storage, kind, definition, report)
        for day, raw in table.landed():
            table.compact(day, raw, anyway=include_open or _closed(day, now))
            if keep_raw is not None:
                table.remove(day, [item for item in raw if now - item.modified > keep_raw])
    return report


def _closed(day: date, now: datetime) -> bool:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return now >= midnight + CLOSING_TIME


class _Table:
    """The compaction of one table of one model. Each step records its failures and goes on."""

    def __init__(
        self,
        storage: Storage,
        kind: TableKind,
        definition: ModelDefinition,
        report: CompactionReport,
    ) -> None:
        self._storage = storage
        self._kind = kind
        self._definition = definition
        self._model = definition.name
        self._report = report
        self._lake = Lake(storage)

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

    def compact(self, day: date, raw: Sequence[StoredObject], *, anyway: bool) -> None:
        """Compact one day if it is due."""
        held: frozenset[str] = frozenset()
        try:
            manifest = self._lake.manifest(self._kind, self._model, day)
            held = manifest.sources if manifest else held
            fresh = [item for item in raw if item.key not in held]
            if fresh and (anyway or sum(item.size for item in fresh) >= OPEN_PARTITION_BYTES):
                held = self._rewrite(day, fresh, manifest)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other days go on
            self._fail(self._kind.partition(self._model, day), error)
        self._waits(item for item in raw if item.key not in held)

    def remove(self, day: date, raw: Sequence[StoredObject]) -> None:
        """Remove those raw objects of a day whose records the table is seen to hold."""
        partition = self._kind.partition(self._model, day)
        try:
            manifest = self._lake.manifest(self._kind, self._model, day) if raw else None
            if manifest is None:
                return
            # Check the file itself: a manifest may name a file that is gone.
            self._storage.open(partition + manifest.file).close()
            keys = [item.key for item in raw if item.key in manifest.sources]
            self._storage.delete_all(keys)
            self._report.removed += len(keys)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other days go on
            self._fail(partition, error)

    def _rewrite(
        self, day: date, fresh: Sequence[StoredObject], manifest: PartitionManifest | None
    ) -> frozenset[str]:
        """Put new objects into a day's partition; return those that it holds now."""
        kind, definition = self._kind, self._definition
        parts, rejected, read = [self._lake.compacted(kind, definition, day)], [], []
        for item in fresh:
            try:
                part, refused = kind.from_lines(item.key, self._body(item.key), definition)
            except Exception as error:  # noqa: BLE001 - whatever it is, the other objects go on
                self._fail(item.key, error)
                continue
            parts.append(part)
            rejected += refused
            read.append(item.key)
        held = manifest.sources if manifest else frozenset()
        if not read:
            return held
        everything = concat(parts, kind.schema(definition))
        table = kind.deduplicated(everything)
        _keep_rejected(self._storage, kind, self._model, day, rejected)
        held |= {*read}
        commit(self._storage, kind.partition(self._model, day), table, held, manifest)
        self._report.done.append(
            Compaction(
                table=kind.name,
                model=self._model,
                day=day.isoformat(),
                objects=len(read),
                rows=table.num_rows,
                duplicates=everything.num_rows - table.num_rows,
                rejected=len(rejected),
            )
        )
        return held

    def _body(self, key: str) -> bytes:
        body = self._storage.get(key)
        if body is None:
            raise FileNotFoundError(key)
        return body

    def _waits(self, items: Iterable[StoredObject]) -> None:
        waiting = [item.modified for item in items]
        if self._report.oldest_waiting is not None:
            waiting.append(self._report.oldest_waiting)
        self._report.oldest_waiting = min(waiting, default=None)

    def _fail(self, place: str, error: Exception) -> None:
        self._report.fail(self._kind, self._model, place, error)


def _keep_rejected(
    storage: Storage, kind: TableKind, model: str, day: date, rejected: list[Rejected]
) -> None:
    """Keep rejected lines under a name made of their content, so that a second run adds nothing."""
    if rejected:
        lines = "".join(json.dumps(asdict(item)) + "\n" for item in rejected)
        name = hashlib.sha256(lines.encode()).hexdigest()[:16]
        storage.put(kind.rejected_key(model, day, name), lines.encode())


def commit(
    storage: Storage,
    partition: str,
    table: pa.Table,
    sources: frozenset[str],
    previous: PartitionManifest | None,
) -> None:
    """Make rows the content of a partition: write the file and the manifest, remove the old file.

    Parameters
    ----------
    storage
        The data bucket.
    partition
        Its prefix.
    table
        Its rows, sorted by time, each once.
    sources
        The raw objects that they come from.
    previous
        The manifest that is replaced.
    """
    buffer = io.BytesIO()
    # A reader holds the wanted columns of one group at a time.
    pq.write_table(table, buffer, compression="zstd", row_group_size=GROUP_ROWS)
    body = buffer.getvalue()
    file = f"part-{hashlib.sha256(body).hexdigest()[:16]}.parquet"
    storage.put(partition + file, body)
    manifest = PartitionManifest(file=file, sources=sources, rows=table.num_rows)
    storage.put(partition + MANIFEST, manifest.model_dump_json().encode())
    if previous and previous.file != file:
        storage.delete(partition + previous.file)
