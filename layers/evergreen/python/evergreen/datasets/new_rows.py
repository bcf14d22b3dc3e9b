"""The rows of the log that are new to a data set, read in this process or by a query.

The small engine reads the log and keeps all labelled rows in memory. A query returns only the rows
that the next data set can need, so memory does not grow with the log.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.datasets.schema import KEY
from evergreen.datasets.store import read_dataset
from evergreen.errors import EvergreenError, NotEnoughDataError
from evergreen.lake.query_places import used_rows_prefix
from evergreen.lake.reader import LATEST_LANDING
from evergreen.lake.sql import UsedRows, new_rows_query
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from datetime import datetime

    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.lake.query_output import QueryOutput
    from evergreen.lake.reader import Lake
    from evergreen.lake.sql import SqlTables
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

LABELLED_AT = "labelled_at"


@dataclass(frozen=True, slots=True)
class NewRows:
    """What was labelled since a data set.

    Parameters
    ----------
    fresh
        Rows that the data set does not have: all of them, or the newest.
    again
        Rows that the data set has, with their newest ground truth.
    count
        The number of rows that the data set does not have.
    until
        The newest ``labelled_at`` of these; None where there is none.
    """

    fresh: pa.Table
    again: pa.Table
    count: int
    until: datetime | None


def labelled_since(manifest: DatasetManifest) -> datetime:
    """Return since when labels may be new to a data set; some of them it may have."""
    # A label may land after later ones: look back further, the data set's rows are known by key.
    return max(manifest.data_until - LATEST_LANDING, manifest.log_from)


def new_rows_in_log(
    lake: Lake, definition: ModelDefinition, manifest: DatasetManifest, old: pa.Table, now: datetime
) -> NewRows:
    """Read what was labelled since a data set from the log.

    Parameters
    ----------
    lake, definition
        The log, and the model.
    manifest, old
        The data set and its rows.
    now
        Up to when the log is read.
    """
    since = labelled_since(manifest)
    labelled = lake.labelled(definition, since - definition.retraining.label_wait, now)
    labelled = labelled.filter(
        pc.greater_equal(labelled[LABELLED_AT], pa.scalar(since, TIMESTAMP_TYPE))
    )
    used = set(row_keys(old))
    taken = pa.array([key in used for key in row_keys(labelled)], pa.bool_())
    fresh = labelled.filter(pc.invert(taken))
    until = pc.max(fresh[LABELLED_AT]).as_py()
    return NewRows(fresh, labelled.filter(taken), fresh.num_rows, until)


def new_rows_of_query(output: QueryOutput, definition: ModelDefinition) -> NewRows:
    """Read what a query of :func:`prepare_new_rows` found.

    Raises
    ------
    EvergreenError
        If the output is gone.
    """
    tables = list(output.batches(definition))
    if not tables:
        raise NotEnoughDataError(
            "no row was labelled since the champion's data set",
            where=definition.name,
            fix="Wait for more ground truth.",
        )
    rows = pa.concat_tables(tables)
    used = rows["used"]
    order = [(name, "ascending") for name in ("timestamp", *KEY)]
    return NewRows(
        fresh=rows.filter(pc.invert(used)).sort_by(order),
        again=rows.filter(used),
        count=rows["fresh_rows"][0].as_py(),
        until=rows["fresh_until"][0].as_py(),
    )


def prepare_new_rows(
    storage: Storage,
    definition: ModelDefinition,
    manifest: DatasetManifest,
    *,
    tables: SqlTables,
    used_table: str,
    run: str,
    now: datetime,
) -> str:
    """Return the query for the rows that are new to a data set; store what the query needs.

    The query reads the keys of the data set's rows from a table of keys, in which they are the
    partition ``run``. This writes that partition.

    Parameters
    ----------
    storage
        The data bucket.
    definition, manifest
        The model, and the data set.
    tables, used_table
        Names of the tables, quoted for SQL.
    run
        Name of this run, part of a key: letters, digits, ``-`` and ``_``.
    now
        Up to when the log is read.
    """
    keys = pa.concat_tables(
        read_dataset(storage, definition.name, manifest.dataset_id, columns=KEY)
    )
    keys = keys.filter(pc.is_valid(keys[KEY[0]]))
    sink = io.BytesIO()
    pq.write_table(keys, sink, compression="zstd")
    storage.put(f"{used_rows_prefix(run)}/keys.parquet", sink.getvalue())
    return new_rows_query(
        definition,
        tables,
        UsedRows(used_table, run),
        since=labelled_since(manifest),
        now=now,
        newest=_newest(definition),
    )


def check_enough(definition: ModelDefinition, rows: NewRows, held_out: int) -> None:
    """Check that a query returned every row that the data set can have.

    Parameters
    ----------
    held_out
        How many of the rows were held out.

    Raises
    ------
    EvergreenError
        If rows are missing. So many rows of one moment are held out together that too few others
        are left.
    """
    wanted = definition.retraining.training_window_rows
    others = rows.fresh.num_rows - held_out
    if rows.fresh.num_rows < rows.count and others < wanted:
        raise EvergreenError(
            f"{held_out} rows of one moment are held out, so only {others} of {wanted} training "
            "rows were read",
            where=definition.name,
            fix='Raise evaluation.max_holdout_rows, or set engine = "small" in cdk.json.',
        )


def row_keys(table: pa.Table) -> list[tuple[str | None, int | None]]:
    """Return the key of each row, which is None for rows that are not from the log."""
    return list(zip(*(table[name].to_pylist() for name in KEY), strict=True))


def _newest(definition: ModelDefinition) -> int | None:
    """Return how many new rows a data set can need at most; None for all."""
    evaluation = definition.evaluation
    if evaluation.holdout == "random":
        # Any row may be drawn, by its place among all.
        return None
    # Twice the holdout: rows of its oldest moment are held out together.
    return definition.retraining.training_window_rows + 2 * evaluation.max_holdout_rows
