"""Reading the lake: request log and ground truth as Arrow tables, each row once.

Readers see the rows that have been compacted (an Iceberg table) and the raw objects that the table
does not hold yet, so they do not wait for compaction. All code reads these prefixes through this
module.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from evergreen.clock import MICROSECOND, Clock, utc_now
from evergreen.lake.data_files import read_file
from evergreen.lake.held import HeldListError, read_held
from evergreen.lake.lines import LineReader
from evergreen.lake.recent import files_between
from evergreen.lake.table_schema import is_of_task
from evergreen.lake.tables import LABELS, REQUEST_LOG, TIMESTAMP_TYPE, TableKind, concat
from evergreen.lake.usable_labels import usable_labels

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from pyiceberg.table import Table

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

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


BLOCK_BYTES = 8 * 1024 * 1024
"""Bytes of raw objects that are read into rows at a time."""


class Lake:
    """The read path of request log and ground truth.

    Parameters
    ----------
    storage
        The data bucket.
    catalog
        The tables.
    clock
        Time, for tests.
    """

    def __init__(self, storage: Storage, catalog: LakeCatalog, *, clock: Clock = utc_now) -> None:
        self._storage = storage
        self._catalog = catalog
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
        """Return the ground truth that came in within ``start <= timestamp < end``.

        Labels that cannot be right are left out; ``definition.ground_truth`` says which those are.
        """
        parts = (
            usable_labels(each, definition) for each in self.batches(LABELS, definition, start, end)
        )
        return LABELS.deduplicated(concat(parts, LABELS.schema(definition)))

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
            The model's. Labels that cannot be right by its ``ground_truth`` join nothing.
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
            usable_labels(batch.filter(pc.is_in(batch["request_id"], asked)), definition)
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
        window = _Window(kind, definition, kind.schema(definition, columns), start, end)
        # Listed before the table is read: what is removed in between, the table holds.
        landed = [(day, list(self._landed(window, day))) for day in _days(start, end)]
        table = self._catalog.load(kind, definition.name)
        yield from self._compacted(window, table)
        reader, gone = LineReader(kind, definition), False
        for day, keys in landed:
            held = self._held(table, day)
            for objects in self._bodies(key for key in keys if key not in held):
                gone = gone or any(body is None for _, body in objects)
                rows, _ = reader.read([(key, body or b"") for key, body in objects])
                yield window.of(rows)
        if gone:
            yield from self._compacted(window, self._catalog.load(kind, definition.name))

    def _landed(self, window: _Window, day: date) -> Iterator[str]:
        """Yield the keys of the raw objects of a day that can have rows of the window."""
        for item in self._storage.list(window.kind.raw_prefix(window.definition.name, day)):
            if item.modified >= window.start - CLOCK_SKEW:
                yield item.key

    def _bodies(self, keys: Iterable[str]) -> Iterator[list[tuple[str, bytes | None]]]:
        """Yield the objects, many small ones at a time."""
        objects: list[tuple[str, bytes | None]] = []
        size = 0
        for key in keys:
            body = self._storage.get(key)
            objects.append((key, body))
            size += len(body or b"")
            if size >= BLOCK_BYTES:
                yield objects
                objects, size = [], 0
        if objects:
            yield objects

    def _held(self, table: Table | None, day: date) -> frozenset[str]:
        try:
            return read_held(self._storage, table, day)
        except HeldListError:  # the compaction tells of it; rows that come twice count once
            return frozenset()

    def _compacted(self, window: _Window, table: Table | None) -> Iterator[pa.Table]:
        """Yield the rows of a table, some at a time; of another task it has none."""
        if table is None or not is_of_task(table.schema(), window.kind.schema(window.definition)):
            return
        try:
            if window.start < window.end:
                last = window.end - MICROSECOND
                for file in files_between(table, window.start, last):
                    yield from self._rows(window, table, file.file_path)
        except FileNotFoundError:  # removed after it was rewritten: the newer table has its rows
            newer = self._catalog.load(window.kind, window.definition.name)
            if newer is None or newer.metadata_location == table.metadata_location:
                raise
            yield from self._compacted(window, newer)

    def _rows(self, window: _Window, table: Table, path: str) -> Iterator[pa.Table]:
        span = (window.start, window.end)
        told = read_file(self._storage, table, path, window.columns, window.definition, span)
        for rows in told:
            yield window.of(rows)

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


@dataclass(frozen=True, slots=True)
class _Window:
    """Which rows and columns of a table are asked for."""

    kind: TableKind
    definition: ModelDefinition
    columns: pa.Schema
    start: datetime
    end: datetime

    def of(self, rows: pa.Table) -> pa.Table:
        """Return the rows within the window, and the columns asked for."""
        low, high = (pa.scalar(moment, TIMESTAMP_TYPE) for moment in (self.start, self.end))
        times = rows["timestamp"]
        within = pc.and_(pc.greater_equal(times, low), pc.less(times, high))
        wanted = rows.select(self.columns.names)
        # Most groups of rows lie inside as a whole, and a filter would copy them.
        whole = pc.all(within, skip_nulls=False, min_count=0).as_py()
        return wanted if whole else wanted.filter(within)


def _days(start: datetime, end: datetime) -> Iterator[date]:
    """Yield the days on which records of the window can have landed."""
    day = (start - EARLIEST_LANDING).astimezone(UTC).date()
    last = (end + LATEST_LANDING).astimezone(UTC).date()
    while day <= last:
        yield day
        day += timedelta(days=1)
