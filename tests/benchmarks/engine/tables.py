"""The two tables of a made-up log as Parquet files, and a lake that reads them bit by bit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.parquet as pq

from evergreen.lake.reader import Lake
from evergreen.lake.sql import labelled_query, predictions_query, tables_of
from evergreen.lake.tables import LABELS, REQUEST_LOG
from tests.support.made_up_log import DATABASE, LAST, START, awkward_model, made_up_log

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition

WINDOW = (START + timedelta(hours=1), LAST - timedelta(hours=1))
NOW = LAST + timedelta(hours=24)
_PART = 1_000_000
_GROUP_ROWS = 65_536


def folder_of(root: Path, kind: TableKind) -> Path:
    """Return where the files of a table are."""
    return root / kind.name


def write_tables(root: Path, rows: int, say: Callable[[str], None]) -> None:
    """Write a log of so many rows, in files of a million."""
    for number, first in enumerate(range(0, rows, _PART)):
        part = made_up_log(min(_PART, rows - first), number, first_request=first)
        for kind, table in ((REQUEST_LOG, part.log), (LABELS, part.labels)):
            folder = folder_of(root, kind)
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(
                table,
                folder / f"{number:04}.parquet",
                compression="zstd",
                row_group_size=_GROUP_ROWS,
            )
        say(f"{min(first + _PART, rows):,} rows written")


class FilesLake(Lake):
    """A lake whose tables are Parquet files on disk, read by row groups as those of S3 are."""

    def __init__(self, root: Path) -> None:
        self._clock = lambda: NOW
        self._root = root

    def batches(
        self,
        kind: TableKind,
        definition: ModelDefinition,
        start: datetime,
        end: datetime,
        columns: Collection[str] | None = None,
    ) -> Iterator[pa.Table]:
        names = kind.schema(definition, columns).names
        for path in sorted(folder_of(self._root, kind).glob("*.parquet")):
            file = pq.ParquetFile(path)
            for group in range(file.num_row_groups):
                rows = file.read_row_group(group, names)
                times = rows["timestamp"]
                yield rows.filter(pc.and_(pc.greater_equal(times, start), pc.less(times, end)))


def queries() -> dict[str, str]:
    """Return the queries that are run, in Trino's dialect, by name."""
    definition, tables = awkward_model(), tables_of(DATABASE, "awkward")
    return {
        "predictions": predictions_query(definition, tables, *WINDOW),
        "labelled": labelled_query(definition, tables, *WINDOW, NOW),
    }


def small_engine(root: Path, name: str) -> pa.Table:
    """Return what the small engine finds for a query, in the columns that the query has."""
    definition, lake = awkward_model(), FilesLake(root)
    if name == "labelled":
        wanted = [*definition.features, "model_version", "model_output", "confidence"]
        predictions = lake.predictions(definition, *WINDOW, wanted)
        champion = predictions.filter(pc.equal(predictions["role"], "champion"))
        found = lake.with_labels(definition, champion, WINDOW[0])
    else:
        wanted = [*definition.features, "model_version", "model_output", "confidence"]
        found = lake.predictions(definition, *WINDOW, wanted)
    features = {feature: f"f{place}" for place, feature in enumerate(definition.features)}
    return found.rename_columns([features.get(column, column) for column in found.column_names])
