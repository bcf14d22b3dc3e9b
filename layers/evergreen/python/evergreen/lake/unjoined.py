"""Unjoined ground truth: labels that belong to no logged prediction, so nothing uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.lake.reader import CLOCK_SKEW
from evergreen.lake.tables import LABELS, REQUEST_LOG, concat

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition

MAX_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class UnjoinedLabels:
    """How many labels are joined to no prediction.

    Parameters
    ----------
    labels
        How many rows were labelled.
    unjoined
        How many of them are no row of the request log.
    examples
        Some of their request ids, five at most.
    """

    labels: int
    unjoined: int
    examples: tuple[str, ...]


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
    key = list(LABELS.key)
    found = concat(lake.batches(LABELS, definition, start, end, ()), LABELS.schema(definition, ()))
    labels = LABELS.deduplicated(found).select(key)
    since = start - definition.retraining.label_wait - CLOCK_SKEW
    left = labels
    if left.num_rows:
        for rows in lake.batches(REQUEST_LOG, definition, since, end + CLOCK_SKEW, ()):
            left = left.join(rows.select(key), keys=key, join_type="left anti")
            if not left.num_rows:
                break
    ids = dict.fromkeys(left["request_id"].to_pylist())
    return UnjoinedLabels(labels.num_rows, left.num_rows, tuple(ids)[:MAX_EXAMPLES])
