"""The request log of a replay: a table in memory that already has a row's outcome."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.lake.reader import Lake
from evergreen.lake.tables import LABELS
from tests.support.lake_tables import catalog_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from evergreen.clock import Clock
    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage
    from tests.benchmarks.loop.workshop import Answers, Workshop


class RecordedLake(Lake):
    """The request log of a replay: what was served, and of that what is labelled by now."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        super().__init__(storage, catalog_in(storage), clock=clock)
        self._served: list[pa.Table] = []

    def serve(self, table: pa.Table) -> None:
        """Add answered rows with their label and the moment it comes in."""
        self._served.append(table)

    def batches(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> Iterator[pa.Table]:
        """Yield what was served, or the outcomes that came in, within ``start <= moment < end``."""
        schema = kind.schema(definition, columns)
        # A reader looks ahead for clocks that differ; here there is one clock, and a future.
        end = min(end, self._clock() + timedelta(seconds=1))
        for rows in self._served:
            if kind is LABELS:
                came_in = rows["observed_at"]
                table = rows.drop_columns(["timestamp"]).append_column("timestamp", came_in)
            else:
                table = rows
            yield _within(table, "timestamp", start, end).select(schema.names).cast(schema)


def logged(workshop: Workshop, period: int, version: str, answers: Answers) -> pa.Table:
    """Return a period's rows as the log holds them, with their label and when it comes in."""
    rows, series = workshop.table(period), workshop.series
    count = rows.num_rows
    classes = series.definition.task == "classification"
    kind = pa.string() if classes else pa.float64()
    labels = workshop.ground_truth(period)
    delay = pa.scalar(series.label_delay, pa.duration("us"))
    known = pc.add(rows["timestamp"], delay)
    columns = {
        "timestamp": rows["timestamp"],
        "request_id": pa.array([f"{period}-{number}" for number in range(count)]),
        "row": pa.array(np.zeros(count, np.int64)),
        "model_version": pa.array([version] * count),
        "role": pa.array(["champion"] * count),
        "model_output": pa.array(answers.outputs.tolist(), kind),
        "confidence": answers.confidences,
        **{
            name: rows[name].cast(pa.float64() if feature.is_numeric else pa.string())
            for name, feature in series.definition.features.items()
        },
        "input_data": pa.nulls(count, pa.string()),
        "metadata": pa.nulls(count, pa.string()),
        "label": pa.array(labels.tolist(), kind),
        "observed_at": known,
    }
    return pa.table(columns)


def _within(rows: pa.Table, column: str, start: datetime, end: datetime) -> pa.Table:
    times = rows[column]
    low, high = (pa.scalar(moment, times.type) for moment in (start, end))
    return rows.filter(pc.and_(pc.greater_equal(times, low), pc.less(times, high)))
