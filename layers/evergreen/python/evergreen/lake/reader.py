"""Reading the lake: request log and ground truth as Arrow tables, each row once.

A day's partition is what has been compacted (one Parquet file, named by the partition's
manifest) and the raw objects that have come in since. Readers see both, so they do not wait
for compaction. All code reads these prefixes through this module.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from evergreen.clock import Clock, utc_now
from evergreen.errors import EvergreenError
from evergreen.lake.evolution import of_this_task, read_group
from evergreen.lake.tables import LABELS, REQUEST_LOG, TIMESTAMP_TYPE, TableKind, concat

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

MANIFEST = "_manifest.json"
GROUP_ROWS = 65_536
"""Rows of a Parquet file that are written, and read, at a time."""
CLOCK_SKEW = timedelta(minutes=15)
"""How far the clocks of a function, of Firehose and of S3 can be apart.

AWS synchronises these clocks but promises no bound. It refuses requests whose signing time is too
far from its own: S3 at 15 minutes (RequestTimeTooSkewed in
docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html), Firehose at 5
(docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html). A function
whose clock is further off can log nothing, and without a record there is no answer."""
_BUFFERED = timedelta(seconds=900)
"""How long Firehose collects an object at most; the day in its key is that of its oldest record
(docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html)."""
_RETRIED = timedelta(hours=24)
"""How long Firehose tries again while S3 does not answer
(docs.aws.amazon.com/firehose/latest/dev/retry.html)."""
EARLIEST_LANDING = _BUFFERED + CLOCK_SKEW
"""The longest time that a record can seem to have landed before its own timestamp."""
LATEST_LANDING = _BUFFERED + _RETRIED + CLOCK_SKEW
"""The longest time between the timestamp of a record and its landing."""


class PartitionManifest(BaseModel):
    """What a compacted partition consists of; writing it is what commits a compaction."""

    model_config = ConfigDict(frozen=True)

    file: str
    """Name of the Parquet file within the partition."""
    sources: frozenset[str]
    """Keys of the raw objects whose records the file holds."""
    rows: int


class Lake:
    """The read path of request log and ground truth.

    Parameters
    ----------
    storage
        The data bucket.
    clock
        Time, for tests.
    """

    def __init__(self, storage: Storage, *, clock: Clock = utc_now) -> None:
        self._storage = storage
        self._clock = clock

    def predictions(
        self,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        """Return the request log's rows with ``start <= timestamp < end``, sorted by time.

        Parameters
        ----------
        definition
            The model's.
        start, end
            The window.
        columns
            What is wanted beside ``timestamp``, ``request_id``, ``row`` and ``role``, if not all:
            the JSON texts are most of a log.

        Returns
        -------
        Table of timestamp, request_id, row, model_version, role, model_output (float64, or
        string for classification), confidence, one column per feature (float64 or string, null
        where missing), input_data and metadata as JSON text.
        """
        return self._read(REQUEST_LOG, definition, start, end, columns)

    def labels(self, definition: ModelDefinition, start: datetime, end: datetime) -> pa.Table:
        """Return the ground truth that came in within ``start <= timestamp < end``."""
        return self._read(LABELS, definition, start, end)

    def labelled(self, definition: ModelDefinition, start: datetime, end: datetime) -> pa.Table:
        """Return the champion's predictions within the window whose ground truth is known by now.

        Returns
        -------
        The columns of :meth:`predictions`, and ``label``, ``observed_at`` and ``labelled_at`` (when
        the label that counts came in); sorted by time.
        """
        predictions = self.predictions(definition, start, end)
        champion = predictions.filter(pc.equal(predictions["role"], "champion"))
        return self.with_labels(definition, champion, start)

    def with_labels(
        self, definition: ModelDefinition, predictions: pa.Table, since: datetime
    ) -> pa.Table:
        """Return the predictions whose ground truth is known by now, together with it.

        Parameters
        ----------
        definition
            The model's.
        predictions
            Rows of :meth:`predictions`, with any columns but at least those it always has.
        since
            No prediction is older than this.

        Returns
        -------
        The columns given, and those that :meth:`labelled` adds; sorted by time.
        """
        asked = pc.unique(predictions["request_id"])
        # A label may have been stamped by a clock behind that of its prediction, or ahead of ours.
        since, end = since - CLOCK_SKEW, self._clock() + CLOCK_SKEW
        parts = (
            batch.filter(pc.is_in(batch["request_id"], asked))
            for batch in self.batches(LABELS, definition, since, end)
        )
        labels = LABELS.deduplicated(concat(parts, LABELS.schema(definition)))
        joined = predictions.join(
            labels.rename_columns({"timestamp": "labelled_at"}),
            keys=["request_id", "row"],
            join_type="inner",
        )
        return joined.sort_by(
            [("timestamp", "ascending"), ("request_id", "ascending"), ("row", "ascending")]
        )

    def manifest(self, kind: TableKind, model: str, day: date) -> PartitionManifest | None:
        """Return the manifest of a partition, or None where nothing was compacted yet."""
        body = self._storage.get(kind.partition(model, day) + MANIFEST)
        return None if body is None else PartitionManifest.model_validate_json(body)

    def compacted(self, kind: TableKind, definition: ModelDefinition, day: date) -> pa.Table:
        """Return a partition's Parquet rows.

        Raises
        ------
        EvergreenError
            If they are those of another task: rewritten as this one's they would be lost.
        """
        schema = kind.schema(definition)
        manifest = self.manifest(kind, definition.name, day)
        if manifest is None:
            return schema.empty_table()
        return concat(self._parquet(kind, definition, day, manifest, schema), schema)

    def batches(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the rows with ``start <= timestamp < end``, some at a time.

        They have no order, and some come twice. This is for callers that cannot hold all rows in
        memory. :meth:`predictions` and :meth:`labels` sort them and return each once.

        Parameters
        ----------
        kind
            Which table.
        definition
            The model's.
        start, end
            The window.
        columns
            What is wanted beside ``timestamp``, the key and ``role``, if not all.
        """
        schema = kind.schema(definition, columns)
        for day in _days(start, end):
            manifest = self.manifest(kind, definition.name, day)
            if manifest is not None:
                for table in self._parquet(kind, definition, day, manifest, schema, (start, end)):
                    yield _within(table, start, end)
            sources = manifest.sources if manifest else frozenset()
            for item in self._storage.list(kind.raw_prefix(definition.name, day)):
                if item.key not in sources and item.modified >= start - CLOCK_SKEW:
                    body = self._storage.get(item.key) or b""
                    lines = kind.from_lines(item.key, body, definition)[0]
                    yield _within(lines.select(schema.names), start, end)

    def _parquet(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        day: date,
        manifest: PartitionManifest,
        schema: pa.Schema,
        window: tuple[datetime, datetime] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield the columns of ``schema`` from a partition's file, some rows at a time.

        Of a window, groups of rows that lie outside are left out; there may be some more.
        """
        key = kind.partition(definition.name, day) + manifest.file
        try:
            # One request reads all wanted columns of a group, and no other bytes.
            with (
                self._storage.open(key) as body,
                pq.ParquetFile(body, pre_buffer=True) as file,
            ):
                if not of_this_task(file.schema_arrow, kind, definition):
                    if window is not None:
                        return
                    raise EvergreenError(
                        "was written when the model had another task",
                        where=key,
                        fix="Give a model of another task another name.",
                    )
                for group in range(file.num_row_groups):
                    if window is None or _overlaps(file, group, *window):
                        yield read_group(file, group, schema, definition)
        except FileNotFoundError:  # replaced meanwhile: the newer manifest knows the newer file
            newer = self.manifest(kind, definition.name, day)
            if newer is None or newer == manifest:
                raise
            yield from self._parquet(kind, definition, day, newer, schema, window)

    def _read(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        schema = kind.schema(definition, columns)
        return kind.deduplicated(
            concat(self.batches(kind, definition, start, end, columns), schema)
        )


def _days(start: datetime, end: datetime) -> Iterator[date]:
    """Yield the days on which records of the window can have landed."""
    day = (start - EARLIEST_LANDING).astimezone(UTC).date()
    last = (end + LATEST_LANDING).astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def _within(table: pa.Table, start: datetime, end: datetime) -> pa.Table:
    low, high = (pa.scalar(moment, TIMESTAMP_TYPE) for moment in (start, end))
    times = table["timestamp"]
    return table.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))


def _overlaps(file: pq.ParquetFile, group: int, start: datetime, end: datetime) -> bool:
    column = file.schema_arrow.get_field_index("timestamp")
    found = file.metadata.row_group(group).column(column).statistics
    return found is None or not found.has_min_max or (found.min < end and found.max >= start)
