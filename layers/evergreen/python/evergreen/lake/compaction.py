"""Compaction: many small JSON-lines objects become one Parquet file per day, each row once.

The order makes it safe to kill at any point: Parquet file, then manifest (the commit), then
removal of the file it replaces. Raw objects stay until their lifecycle rule ends them.
"""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from evergreen.clock import Clock, utc_now
from evergreen.lake.reader import GROUP_ROWS, MANIFEST, Lake, PartitionManifest
from evergreen.lake.tables import LABELS, REQUEST_LOG, Rejected, TableKind, concat

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

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


def compact(
    storage: Storage,
    definition: ModelDefinition,
    *,
    days: int = 3,
    include_open: bool = False,
    clock: Clock = utc_now,
) -> list[Compaction]:
    """Compact what is due of a model's request log and ground truth.

    Parameters
    ----------
    days
        How many days back to look, today included.
    include_open
        Whether to compact partitions that are neither closed nor large.

    Returns
    -------
    One entry per partition that had something new.
    """
    now = clock()
    done = []
    for kind in (REQUEST_LOG, LABELS):
        for back in range(days):
            day = now.astimezone(UTC).date() - timedelta(days=back)
            result = _compact_partition(
                storage, kind, definition, day, anyway=include_open or _closed(day, now)
            )
            if result:
                done.append(result)
    return done


def _closed(day: date, now: datetime) -> bool:
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    return now >= midnight + CLOSING_TIME


def _compact_partition(
    storage: Storage, kind: TableKind, definition: ModelDefinition, day: date, *, anyway: bool
) -> Compaction | None:
    lake = Lake(storage)
    manifest = lake.manifest(kind, definition.name, day)
    known = manifest.sources if manifest else frozenset()
    raw = list(storage.list(kind.raw_prefix(definition.name, day)))
    fresh = [item for item in raw if item.key not in known]
    if not fresh or not (anyway or sum(item.size for item in fresh) >= OPEN_PARTITION_BYTES):
        return None
    before = lake.compacted(kind, definition, day)
    parts, rejected = [before], []
    for item in fresh:
        part, refused = kind.from_lines(item.key, storage.get(item.key) or b"", definition)
        parts.append(part)
        rejected += refused
    everything = concat(parts, kind.schema(definition))
    table = kind.deduplicated(everything)
    _keep_rejected(storage, kind, definition.name, day, rejected)
    sources = known | {item.key for item in fresh}
    commit(storage, kind.partition(definition.name, day), table, sources, manifest)
    return Compaction(
        table=kind.name,
        model=definition.name,
        day=day.isoformat(),
        objects=len(fresh),
        rows=table.num_rows,
        duplicates=everything.num_rows - table.num_rows,
        rejected=len(rejected),
    )


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
    """Make some rows the content of a partition: file, manifest, then away with what was there.

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
    # A reader holds one group at a time, and of it the columns it wants.
    pq.write_table(table, buffer, compression="zstd", row_group_size=GROUP_ROWS)
    body = buffer.getvalue()
    file = f"part-{hashlib.sha256(body).hexdigest()[:16]}.parquet"
    storage.put(partition + file, body)
    manifest = PartitionManifest(file=file, sources=sources, rows=table.num_rows)
    storage.put(partition + MANIFEST, manifest.model_dump_json().encode())
    if previous and previous.file != file:
        storage.delete(partition + previous.file)
