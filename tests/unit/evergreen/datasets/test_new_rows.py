"""A data set that a query has prepared is the one that the small engine builds, byte for byte."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evergreen.datasets.builder import build_dataset
from evergreen.datasets.new_rows import prepare_new_rows
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.errors import EvergreenError, NotEnoughDataError
from evergreen.lake.query_output import QueryOutput
from evergreen.lake.query_places import QUERIES, USED_ROWS
from evergreen.lake.sql import quoted_name
from evergreen.production import ProductionPointer
from tests.support.folder_bucket import Folder
from tests.support.made_up_log import (
    DATABASE,
    LAST,
    START,
    LoadedLake,
    MadeUpLog,
    TrinoOnDuckDb,
    awkward_model,
    made_up_log,
)
from tests.support.query_files import unloaded

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.datasets.manifest import DatasetManifest

HOUR = timedelta(hours=1)
THEN = START + 40 * HOUR
NOW = LAST + 30 * HOUR
USED = quoted_name(f"{DATABASE}_queries", USED_ROWS)


class Engines:
    """A log, a first data set of it, and both ways to build the next one."""

    def __init__(self, folder: Path, rows: int, **changes: Any) -> None:
        self.storage = Folder(folder)
        changes["evaluation"] = {"min_labelled_rows": 20, **changes.get("evaluation", {})}
        self.made_up = made_up_log(rows, definition=awkward_model(**changes))
        self.definition = self.made_up.definition
        self.duckdb = TrinoOnDuckDb(self.made_up)
        first = write_dataset(
            self.storage,
            self.definition,
            split_rows(self.definition, self._by_hand()),
            sources=["made up"],
            data_until=START,
            clock=lambda: START,
        )
        # A query would do too; what is tested is the second data set.
        self.champion = build_dataset(
            self.storage,
            LoadedLake(self.made_up, THEN),
            self.definition,
            self.pointer(first),
            clock=lambda: THEN,
        )

    def _by_hand(self) -> pa.Table:
        columns: dict[str, Any] = {
            name: [float(number) for number in range(30)]
            if feature.is_numeric
            else [str(number) for number in range(30)]
            for name, feature in self.definition.features.items()
        }
        columns[self.definition.target] = [0.0] * 30
        times = [START - number * HOUR for number in range(1, 31)]
        columns["timestamp"] = pa.array(times, pa.timestamp("us", tz="UTC"))
        return pa.table(columns)

    @staticmethod
    def pointer(manifest: DatasetManifest) -> ProductionPointer:
        return ProductionPointer(
            version="1",
            bundle_uri="s3://bucket/bundle",
            sha256="0",
            reference_dataset_id=manifest.dataset_id,
            promoted_at=START,
        )

    def queried(self, now: datetime) -> pa.Table:
        """Prepare the query as the function does, run it, and return what it found."""
        query = prepare_new_rows(
            self.storage,
            self.definition,
            self.champion,
            tables=self.duckdb.tables,
            used_table=USED,
            run="it-1",
            now=now,
        )
        (item,) = self.storage.list(f"{QUERIES}used/it-1/")
        self.duckdb.add_used_rows(self.storage.get(item.key) or b"", "it-1")
        return self.duckdb.run(query)

    def build(self, source: LoadedLake | QueryOutput, now: datetime) -> DatasetManifest:
        return build_dataset(
            self.storage, source, self.definition, self.pointer(self.champion), clock=lambda: now
        )

    def both(self, now: datetime) -> tuple[DatasetManifest, DatasetManifest, pa.Table]:
        small = self.build(LoadedLake(self.made_up, now), now)
        found = self.queried(now)
        return small, self.build(unloaded(self.storage, found, "it-1"), now), found


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"task": "time_series", "forecast": {"horizon": 5, "seasonal_naive": "a b"}},
        {"evaluation": {"holdout": "random"}},
        {"evaluation": {"max_holdout_rows": 20}},
    ],
    ids=["regression", "time series", "random holdout", "small holdout"],
)
def test_all_of_a_log_that_fits_gives_the_same_data_set(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    small, large, _ = Engines(tmp_path, 2000, **changes).both(NOW)
    assert large == small
    assert (small.corrected_labels, small.holdout_rows) > (0, 0)


@pytest.mark.parametrize("horizon", [None, 7])
def test_rows_beyond_the_training_window_are_not_returned_and_change_nothing(
    tmp_path: Path, horizon: int | None
) -> None:
    changes: dict[str, Any] = {
        "evaluation": {"max_holdout_rows": 50},
        "retraining": {"training_window_rows": 200, "label_wait": "10 days"},
    }
    if horizon:
        changes |= {
            "task": "time_series",
            "forecast": {"horizon": horizon, "seasonal_naive": "a b"},
        }
    engines = Engines(tmp_path, 3000, **changes)
    small, large, found = engines.both(NOW)
    fresh = found.filter(pc.invert(found["used"]))
    assert 300 <= fresh.num_rows < 310 < fresh["fresh_rows"][0].as_py()
    # The label delay is that of the rows that were read.
    same = {"label_delay", "created_at"}
    assert large.model_dump(exclude=same) == small.model_dump(exclude=same)
    assert large.train_rows + large.holdout_rows <= large.rows == 200 + large.holdout_rows
    assert 50 <= large.holdout_rows < 60


def test_a_correction_of_a_row_that_was_used_arrives(tmp_path: Path) -> None:
    engines = Engines(tmp_path, 2000)
    before = load_dataset(engines.storage, "awkward", engines.champion.dataset_id)
    small, large, _ = engines.both(NOW)
    after = load_dataset(engines.storage, "awkward", large.dataset_id)
    keys = ["request_id", "row"]
    mine, theirs = (rows.select([*keys, "order"]) for rows in (before, after))
    both = mine.join(theirs, keys, right_suffix=" now")
    changed = both.filter(pc.not_equal(both["order"], both["order now"]))
    assert changed.num_rows == large.corrected_labels == small.corrected_labels > 0


def test_a_query_without_a_row_is_too_little_data(tmp_path: Path) -> None:
    engines = Engines(tmp_path, 500)
    with pytest.raises(NotEnoughDataError, match="no row was labelled"):
        engines.build(QueryOutput(engines.storage, None), NOW)


def test_output_that_is_gone_or_elsewhere_is_an_error(tmp_path: Path) -> None:
    engines = Engines(tmp_path, 500)
    output = unloaded(engines.storage, engines.queried(NOW), "it-1")
    engines.storage.delete_below(f"{QUERIES}rows/")
    with pytest.raises(EvergreenError, match="output is gone"):
        engines.build(output, NOW)
    with pytest.raises(EvergreenError, match="list of a query's files is missing"):
        engines.build(QueryOutput(engines.storage, "s3://bucket/nothing.csv"), NOW)
    with pytest.raises(EvergreenError, match="another bucket"):
        engines.build(QueryOutput(engines.storage, "s3://other/nothing.csv"), NOW)


def test_many_rows_of_one_moment_are_not_quietly_left_out(tmp_path: Path) -> None:
    changes: dict[str, Any] = {
        "evaluation": {"max_holdout_rows": 20},
        "retraining": {"training_window_rows": 100, "label_wait": "10 days"},
    }
    engines = Engines(tmp_path, 3000, **changes)
    # A moment at which more rows were predicted than twice the holdout.
    log = engines.made_up.log
    late = pc.greater(log["timestamp"], pa.scalar(START + 60 * HOUR, log["timestamp"].type))
    moment = pa.scalar(START + 60 * HOUR, log["timestamp"].type)
    one = log.set_column(0, "timestamp", pc.if_else(late, moment, log["timestamp"]))
    engines.made_up = MadeUpLog(engines.definition, one, engines.made_up.labels)
    engines.duckdb = TrinoOnDuckDb(engines.made_up)
    with pytest.raises(EvergreenError, match="rows of one moment are held out"):
        engines.build(unloaded(engines.storage, engines.queried(NOW), "it-1"), NOW)
