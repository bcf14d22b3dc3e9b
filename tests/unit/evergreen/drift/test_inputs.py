"""A window that a query has read gives a check the same inputs as one that is read from the log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.datasets.splitting import OLDER, split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.drift.inputs import (
    DriftInputs,
    QueriedWindow,
    count_labelled_rows,
    read_drift_inputs,
)
from evergreen.drift.window_query import window_query
from evergreen.lake.query_output import QueryOutput
from evergreen.lake.reader import Lake
from evergreen.production import ProductionPointer
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.made_up_log import (
    LAST,
    START,
    LoadedLake,
    MadeUpLog,
    TrinoOnDuckDb,
    made_up_log,
)
from tests.support.query_files import unloaded
from tests.support.watched_model import DAY, END, WatchedModel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from evergreen.columns import Columns

WINDOW = (START + timedelta(hours=5), START + timedelta(hours=50))


@pytest.fixture(scope="module")
def made_up() -> MadeUpLog:
    return made_up_log(2000)


@pytest.fixture
def storage(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def pointer(storage: Folder, made_up: MadeUpLog) -> ProductionPointer:
    definition = made_up.definition
    rows = made_up.log.slice(0, 100).select([*definition.features, "timestamp"])
    rows = rows.append_column(definition.target, pa.array([0.0] * 100))
    manifest = write_dataset(
        storage,
        definition,
        split_rows(definition, rows),
        sources=["made up"],
        data_until=START,
        clock=lambda: START,
    )
    return ProductionPointer(
        version="2",
        bundle_uri="s3://bucket/bundle",
        sha256="0",
        reference_dataset_id=manifest.dataset_id,
        promoted_at=START,
    )


def read(
    made_up: MadeUpLog,
    storage: Folder,
    pointer: ProductionPointer,
    lake: LoadedLake | QueriedWindow,
) -> DriftInputs:
    start, end = WINDOW
    return read_drift_inputs(made_up.definition, pointer, lake, storage, start=start, end=end)


def assert_same(found: Columns, expected: Columns) -> None:
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)


def test_below_the_cap_all_inputs_are_the_same(
    made_up: MadeUpLog, storage: Folder, pointer: ProductionPointer
) -> None:
    engine, lake = TrinoOnDuckDb(made_up), LoadedLake(made_up, LAST)
    start, end = WINDOW
    query = window_query(
        made_up.definition, engine.tables, pointer.version, start=start, end=end, now=LAST
    )
    output = unloaded(storage, engine.run(query), "run")
    queried = read(made_up, storage, pointer, QueriedWindow(lake, output))
    small = read(made_up, storage, pointer, lake)
    assert queried.rows == small.rows > 200
    assert_same(queried.window, small.window)
    assert_same(queried.reference, small.reference)
    assert_same(queried.outputs.window, small.outputs.window)
    assert queried.labelled.equals(small.labelled.select(queried.labelled.column_names))
    assert queried.labelled.num_rows > 100


def test_rows_from_before_the_training_window_are_no_reference(
    made_up: MadeUpLog, storage: Folder, pointer: ProductionPointer
) -> None:
    definition, lake = made_up.definition, LoadedLake(made_up, LAST)
    everything = read(made_up, storage, pointer, lake).reference
    rows = load_dataset(storage, definition.name, pointer.reference_dataset_id)
    split = [OLDER] * 30 + rows["split"].to_pylist()[30:]
    marked = write_dataset(
        storage,
        definition,
        rows.set_column(rows.column_names.index("split"), "split", pa.array(split)),
        sources=["made up"],
        data_until=START,
        clock=lambda: START,
    )
    newer = pointer.model_copy(update={"reference_dataset_id": marked.dataset_id})
    found = read(made_up, storage, newer, lake).reference
    assert_same(found, {name: values[30:] for name, values in everything.items()})


class CountedLake(Lake):
    """Notes how many rows of each batch were read."""

    def __init__(self, model: WatchedModel) -> None:
        super().__init__(model.storage, catalog_in(model.storage), clock=lambda: END)
        self.read: list[int] = []

    def batches(self, *args: Any, **options: Any) -> Iterator[pa.Table]:
        for table in super().batches(*args, **options):
            self.read.append(table.num_rows)
            yield table


def test_a_labelled_row_counts_once_and_reading_stops_when_there_are_enough(
    tmp_path: Path,
) -> None:
    """On the second day the rows of the first are labelled again, and 30 more."""
    model = WatchedModel(tmp_path)
    days = [END - 2 * DAY, END - DAY]
    for day, rows in zip(days, (30, 60), strict=True):
        model.label("request", ["Ham"] * rows, at=day)

    def count(since: datetime, until: datetime, enough: int = 100) -> tuple[int, list[int]]:
        lake = CountedLake(model)
        return count_labelled_rows(model.definition, lake, since, until, enough=enough), lake.read

    assert count(days[0], END) == (60, [30, 60])
    assert count(days[0], days[1]) == (30, [30, 0])
    assert count(days[1], END) == (60, [60])
    assert count(days[0], END, enough=30) == (30, [30])
    assert count(days[0], END, enough=31) == (60, [30, 60])
    assert count(END, END) == (0, [])


def test_a_window_without_a_row_is_empty(
    made_up: MadeUpLog, storage: Folder, pointer: ProductionPointer
) -> None:
    nothing = QueriedWindow(LoadedLake(made_up, LAST), QueryOutput(storage, None))
    queried = read(made_up, storage, pointer, nothing)
    assert queried.rows == queried.labelled.num_rows == 0
    assert {values.size for values in queried.window.values()} == {0}
