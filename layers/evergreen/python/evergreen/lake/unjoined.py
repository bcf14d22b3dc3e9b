"""Unjoined ground truth: labels that nothing uses.

They belong to no logged prediction, or cannot be right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow.acero import (
    Declaration,
    HashJoinNodeOptions,
    RecordBatchReaderSourceNodeOptions,
    TableSourceNodeOptions,
)

from evergreen.lake.reader import CLOCK_SKEW
from evergreen.lake.tables import LABELS, REQUEST_LOG, concat
from evergreen.lake.usable_labels import unusable_labels, usable_labels

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition

MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class UnjoinedLabels:
    """How many labels nothing uses.

    Parameters
    ----------
    labels
        How many rows were labelled.
    unjoined
        How many of them are no row of the request log.
    examples
        Some of their request ids, five at most.
    unusable
        How many labels more cannot be right: ``definition.ground_truth`` says why.
    unusable_examples
        Some of these labels, as text, five at most.
    """

    labels: int
    unjoined: int
    examples: tuple[str, ...]
    unusable: int
    unusable_examples: tuple[str, ...]


def find_unjoined(
    lake: Lake, definition: ModelDefinition, start: datetime, end: datetime
) -> UnjoinedLabels:
    """Compare the ground truth that came in within ``start <= timestamp < end`` with the log.

    A label counts as joined if the log has its row, predicted at most ``retraining.label_wait``
    before. Of the log only keys are read, some at a time.

    Parameters
    ----------
    lake, definition
        The log, and the model.
    start, end
        When the labels came in. What was predicted just before ``end`` may not have landed yet.
    """
    columns = ("label",)
    found = concat(
        lake.batches(LABELS, definition, start, end, columns), LABELS.schema(definition, columns)
    )
    odd = LABELS.deduplicated(unusable_labels(found, definition))["label"]
    labels = LABELS.deduplicated(usable_labels(found, definition)).select(LABELS.key)
    since = start - definition.retraining.label_wait - CLOCK_SKEW
    left = without_prediction(lake, definition, labels, since, end + CLOCK_SKEW)
    # A join gives rows in any order. The same labels shall give the same examples.
    ids = pc.unique(left["request_id"]).sort().slice(0, MAX_EXAMPLES)
    said = pc.unique(odd).sort().slice(0, MAX_EXAMPLES).to_pylist()
    return UnjoinedLabels(
        labels.num_rows,
        left.num_rows,
        tuple(ids.to_pylist()),
        len(odd),
        tuple(str(label) for label in said),
    )


def without_prediction(
    lake: Lake, definition: ModelDefinition, labels: pa.Table, start: datetime, end: datetime
) -> pa.Table:
    """Return those labels whose row the log does not have within ``start <= timestamp < end``.

    The log is read once, some keys at a time; the labels are held in memory.

    Parameters
    ----------
    lake, definition
        The log, and the model.
    labels
        Table of ``request_id`` and ``row``, and any other columns.
    """
    if not labels.num_rows:
        return labels
    key = list(LABELS.key)
    schema = REQUEST_LOG.schema(definition, ())
    keys = pa.schema([schema.field(name) for name in key])
    logged = (
        batch
        for rows in lake.batches(REQUEST_LOG, definition, start, end, ())
        for batch in rows.select(key).to_batches()
    )
    reader = pa.RecordBatchReader.from_batches(keys, logged)
    log = Declaration("record_batch_reader_source", RecordBatchReaderSourceNodeOptions(reader))
    given = Declaration("table_source", TableSourceNodeOptions(labels))
    # The right side is the one that is held: the labels. The log is streamed past it.
    join = HashJoinNodeOptions("right anti", key, key)
    return Declaration("hashjoin", join, inputs=[log, given]).to_table()
