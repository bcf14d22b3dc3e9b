"""The split of a data set: which rows are trained on, and which are held out to judge on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.datasets.schema import KEY, SPLIT, TIMESTAMP
from evergreen.datasets.steps import unknown_before
from evergreen.errors import NotEnoughDataError
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.model_definition import ModelDefinition

TRAIN = "train"
HOLDOUT = "holdout"
GAP = "gap"
"""The split of rows that are neither trained nor judged on. These rows of a time series have labels
that were unknown when the first held-out forecast was made. The next data set trains on them."""
OLDER = "older"
"""The split of rows from before the training window. Neither model nor drift reference has them; a
later data set may train on them again."""
_RANDOM_HOLDOUT_SEED = 0


def split_rows(
    definition: ModelDefinition,
    table: pa.Table,
    *,
    newer_than: datetime | None = None,
    of: int | None = None,
) -> pa.Table:
    """Add ``split`` as ``evaluation.holdout``, ``holdout_fraction`` and ``max_holdout_rows`` say.

    ``recent`` holds out the newest rows. Rows with the same timestamp stay on the same side, so
    that no model is judged on a moment that it was trained on. The holdout can then be larger than
    asked for, by at most the rows of one moment. ``random`` holds out a random draw that depends
    only on the number of rows.

    For a time series the ``horizon - 1`` rows of each series before a recent holdout become the
    gap: when the first held-out forecast was made, their labels were not known yet (C. Bergmeir and
    J. Benítez, "On the use of cross-validation for time series predictor evaluation",
    *Information Sciences* 191, 2012).

    Parameters
    ----------
    definition
        The model the rows are for.
    table
        At least one row, with a ``timestamp`` column.
    newer_than
        A recent holdout only takes rows after this moment: those that are trained on otherwise go
        up to here. The holdout may then be smaller, or empty.
    of
        The number of rows of which these are the newest, if they are not all. The fraction is of
        this number.

    Raises
    ------
    NotEnoughDataError
        If there is no row.
    """
    evaluation = definition.evaluation
    count = table.num_rows
    if not count:
        raise NotEnoughDataError("there is no row to split", where=definition.name)
    share = round((of or count) * evaluation.holdout_fraction)
    wanted = min(max(share, 1), evaluation.max_holdout_rows)
    if evaluation.holdout == "random":
        draw = np.random.default_rng(_RANDOM_HOLDOUT_SEED).permutation(count)
        return with_split(table, pa.array(draw < wanted))
    order = pc.sort_indices(table, sort_keys=_in_time_order(table)).to_numpy()
    times = table[TIMESTAMP].take(pa.array(order))
    held_out = pc.greater_equal(times, times[count - wanted])
    if newer_than is not None:
        held_out = pc.and_(held_out, pc.greater(times, pa.scalar(newer_than, TIMESTAMP_TYPE)))
    first = count - pc.sum(held_out).as_py()
    split = np.full(count, TRAIN, dtype=object)
    if first < count and definition.forecast:
        split[unknown_before(definition, table, order[:first])] = GAP
    split[order[first:]] = HOLDOUT
    return _set_split(table, pa.array(split))


def rows_of(table: pa.Table, split: str) -> pa.Table:
    """Return the rows of one split (``TRAIN`` or ``HOLDOUT``)."""
    return table.filter(pc.equal(table[SPLIT], split))


def without_older(table: pa.Table) -> pa.Table:
    """Return the rows that a data set is about: all but those from before the training window."""
    return table.filter(pc.not_equal(table[SPLIT], OLDER))


def with_split(table: pa.Table, held_out: pa.Array | pa.ChunkedArray) -> pa.Table:
    """Return rows with ``split`` set to ``holdout`` where ``held_out`` is true, else ``train``."""
    return _set_split(table, pc.if_else(held_out, HOLDOUT, TRAIN))


def _set_split(table: pa.Table, split: pa.Array | pa.ChunkedArray) -> pa.Table:
    if SPLIT in table.column_names:
        table = table.drop_columns(SPLIT)
    return table.append_column(SPLIT, split)


def _in_time_order(table: pa.Table) -> list[tuple[str, str]]:
    names = [TIMESTAMP, *(name for name in KEY if name in table.column_names)]
    return [(name, "ascending") for name in names]
