"""The data set of a challenger: the champion's rows, and the rows labelled since then."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.clock import MICROSECOND, to_text
from evergreen.datasets.manifest import DatasetManifest, FromLog, LabelDelay, read_manifest
from evergreen.datasets.new_rows import (
    check_enough,
    new_rows_in_log,
    new_rows_of_query,
    row_keys,
)
from evergreen.datasets.pace import fewest_labelled_rows
from evergreen.datasets.schema import KEY, SPLIT, TIMESTAMP, normalise, schema
from evergreen.datasets.splitting import HOLDOUT, OLDER, TRAIN, rows_of, split_rows, with_split
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.errors import NotEnoughDataError
from evergreen.lake.query_output import QueryOutput
from evergreen.lake.tables import TIMESTAMP_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.clock import Clock
    from evergreen.datasets.manifest import RowStudy
    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ProductionPointer
    from evergreen.storage import Storage


def build_dataset(
    storage: Storage,
    source: Lake | QueryOutput,
    definition: ModelDefinition,
    pointer: ProductionPointer,
    *,
    study: Callable[[pa.Table], RowStudy] | None = None,
    clock: Clock,
) -> DatasetManifest:
    """Build the data set of a challenger: the champion's rows, and the rows labelled since then.

    A row is new if it was labelled since then and is not one of the champion's rows. The time of
    its prediction does not matter, so late ground truth is used too, once. All of the champion's
    rows, including its holdout, may be trained on. Corrected ground truth replaces the old one.

    The holdout is taken from the new rows. Unless it is drawn at random, it has only rows predicted
    after all of the champion's rows. So neither champion nor challenger has seen it, or anything
    later. Of the rows outside the holdout, at most the newest ``training_window_rows`` are kept.

    Parameters
    ----------
    storage
        Gives the champion's data set.
    source
        The log, or what a query of :func:`evergreen.datasets.new_rows.prepare_new_rows` found in
        it. A query returns the newest rows only. So the manifest's label delay is then that of the
        newest rows.
    definition, pointer
        The model, and its production pointer.
    study
        Returns how many of the newest training rows to keep, and how fast a model of them ages,
        given these rows, oldest first. Without it all are kept, and nothing is known of their age.
        It is not called for a random holdout, which has no newest part.
    clock
        Gives the time up to which the log is read, where no query has read it.

    Raises
    ------
    NotEnoughDataError
        If fewer labelled rows can be judged on than are needed
        (:func:`evergreen.datasets.pace.fewest_labelled_rows`), or if no row has what a changed
        definition asks for.
    """
    champion = read_manifest(storage, definition.name, pointer.reference_dataset_id)
    old = load_dataset(storage, definition.name, champion.dataset_id)
    require_columns(definition, old.schema)
    if isinstance(source, QueryOutput):
        new = new_rows_of_query(source, definition)
    else:
        new = new_rows_in_log(source, definition, champion, old, clock())
    fresh = new.fresh
    recent = definition.evaluation.holdout == "recent"
    newest = pa.scalar(champion.last_timestamp, TIMESTAMP_TYPE)
    usable = fresh.filter(pc.greater(fresh[TIMESTAMP], newest)) if recent else fresh
    needed = fewest_labelled_rows(definition)
    if usable.num_rows < needed:
        raise NotEnoughDataError(
            f"{usable.num_rows} labelled rows since {to_text(champion.data_until)}, "
            f"{needed} are needed",
            where=definition.name,
            fix="Wait for more ground truth, or set a lower evaluation.min_labelled_rows.",
        )
    until = new.until
    assert until is not None
    after = champion.last_timestamp if recent else None
    split = split_rows(definition, _from_log(definition, fresh), newer_than=after, of=new.count)
    check_enough(definition, new, rows_of(split, HOLDOUT).num_rows)
    old, corrected = _corrected(definition, old, new.again)
    old = with_split(old, pa.repeat(pa.scalar(value=False), old.num_rows))
    rows = pa.concat_tables([normalise(definition, part) for part in (old, split)])
    held_out = pc.equal(rows[SPLIT], HOLDOUT)
    others = rows.filter(pc.invert(held_out)).sort_by(TIMESTAMP)
    kept = others.slice(max(others.num_rows - definition.retraining.training_window_rows, 0))
    found = study(rows_of(kept, TRAIN)) if study and recent else None
    if found is not None and found.window is not None:
        kept = _mark_older(kept, found.window.of - found.window.rows)
    return write_dataset(
        storage,
        definition,
        pa.concat_tables([kept, rows.filter(held_out)]),
        sources=[
            f"dataset {champion.dataset_id}",
            f"request log, labelled {to_text(champion.data_until)}/{to_text(until)}",
        ],
        # Not the time of this one: ground truth may be on its way that is not in the log yet.
        data_until=until + MICROSECOND,
        from_log=FromLog(
            champion.log_from, _label_delay(fresh), corrected, rows_of(split, TRAIN).num_rows
        ),
        study=found,
        clock=clock,
    )


def _mark_older(rows: pa.Table, count: int) -> pa.Table:
    """Take the oldest rows out of the training, and keep them for later data sets."""
    is_older = pa.array(np.arange(rows.num_rows) < count)
    place = rows.column_names.index(SPLIT)
    return rows.set_column(place, SPLIT, pc.if_else(is_older, OLDER, rows[SPLIT]))


def require_columns(definition: ModelDefinition, known: pa.Schema) -> None:
    """Check that the rows so far have what a changed definition asks for.

    Callers send what the version in production takes. So no row of the log has a new feature, and
    no label is of a new target.

    Parameters
    ----------
    definition
        The model's.
    known
        The columns of the champion's data set.

    Raises
    ------
    NotEnoughDataError
        If a column is missing, or is text where numbers are wanted, or the other way round.
    """
    wanted = schema(definition)
    read_as = {name: name for name in (*definition.features, definition.target)}
    for name, feature in definition.features.items():
        if name not in known.names and feature.renamed_from in known.names:
            read_as[name] = feature.renamed_from or name
    missing = [
        name
        for name, column in read_as.items()
        if column not in known.names
        or pa.types.is_string(known.field(column).type)
        != pa.types.is_string(wanted.field(name).type)
    ]
    if missing:
        raise NotEnoughDataError(
            f"no labelled row has {', '.join(missing)} as model.toml asks for it now",
            where=definition.name,
            fix=f"Bring rows that have: `evergreen train {definition.name} --data FILE`.",
        )


def _corrected(definition: ModelDefinition, old: pa.Table, again: pa.Table) -> tuple[pa.Table, int]:
    """Return a data set's rows with their newest ground truth, and how many had another."""
    newest = dict(zip(row_keys(again), again["label"].to_pylist(), strict=True))
    before = old[definition.target].to_pylist()
    after = [newest.get(key, label) for key, label in zip(row_keys(old), before, strict=True)]
    place = old.column_names.index(definition.target)
    field = old.schema.field(place)
    changed = sum(new != label for new, label in zip(after, before, strict=True))
    return old.set_column(place, field, pa.array(after, field.type)), changed


def _from_log(definition: ModelDefinition, labelled: pa.Table) -> pa.Table:
    # Column by column: a target may be called like one of the log's own columns.
    columns = {name: labelled[name] for name in definition.features}
    return pa.table(
        columns
        | {definition.target: labelled["label"]}
        | {name: labelled[name] for name in (TIMESTAMP, *KEY)}
    )


def _label_delay(labelled: pa.Table) -> LabelDelay:
    seconds = np.array(
        [
            max((observed - predicted).total_seconds(), 0.0)
            for predicted, observed in zip(
                labelled[TIMESTAMP].to_pylist(), labelled["observed_at"].to_pylist(), strict=True
            )
        ]
    )
    median, p95 = np.quantile(seconds, [0.5, 0.95])
    return LabelDelay(median=float(median), p95=float(p95), max=float(seconds.max()))
