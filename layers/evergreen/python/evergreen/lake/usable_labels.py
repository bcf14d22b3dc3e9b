"""Usable labels: those that can be right, as the ``ground_truth`` of a definition says.

A label may be in the log that the API would refuse today: it came in before the model changed, or
was written straight to S3. It joins nothing. Of several labels for one row the last usable one
counts. :mod:`evergreen.lake.sql` says the same to a query engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from evergreen.model_definition import ModelDefinition


def usable_labels(labels: pa.Table, definition: ModelDefinition) -> pa.Table:
    """Return those rows of a table whose ``label`` can be right."""
    return labels.filter(_usable(labels["label"], definition))


def unusable_labels(labels: pa.Table, definition: ModelDefinition) -> pa.Table:
    """Return those rows of a table whose ``label`` cannot be right."""
    return labels.filter(pc.invert(_usable(labels["label"], definition)))


def _usable(labels: pa.ChunkedArray, definition: ModelDefinition) -> pa.ChunkedArray:
    truth = definition.ground_truth
    usable = pc.is_valid(labels)
    if truth.classes is not None:
        usable = pc.and_(usable, pc.is_in(labels, pa.array(truth.classes, pa.string())))
    if truth.min is not None:
        usable = pc.and_(usable, pc.greater_equal(labels, truth.min))
    if truth.max is not None:
        usable = pc.and_(usable, pc.less_equal(labels, truth.max))
    return usable
