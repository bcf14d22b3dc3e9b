"""The catalogue: the same tables in Glue and in a database, made once, and files on boto3."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyiceberg.io import load_file_io

from evergreen.lake.catalog import GLUE, open_catalog
from evergreen.lake.compaction import compact
from evergreen.lake.file_io import STORAGE, StorageFileIO
from evergreen.lake.reader import Lake
from evergreen.lake.table_schema import evolve, field_ids
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.lake.upkeep import maintain
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.small_lake import DEFINITION, LATER, LONG_AGO, NOW, land

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

DAY = timedelta(days=1)


def test_tables_in_glue_are_written_read_and_kept_up(aws: Account) -> None:
    storage = aws.storage()
    catalog = open_catalog(GLUE, storage, "evergreen_test", aws.client("glue"))
    for name in ("r1", "r2"):
        land(storage, name, name, LONG_AGO)
        report = compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: LATER)
        assert report.failures == []
    lake = Lake(storage, catalog)
    window = (NOW - 40 * DAY, NOW)
    assert lake.predictions(DEFINITION, *window)["request_id"].to_pylist() == ["r1", "r2"]
    kept = maintain(storage, catalog, DEFINITION, clock=lambda: LATER)
    assert (kept.rewritten, kept.failures) == (2, [])
    assert lake.predictions(DEFINITION, *window)["request_id"].to_pylist() == ["r1", "r2"]
    found = aws.client("glue").get_table(DatabaseName="evergreen_test", Name="m_request_log")
    assert found["Table"]["Parameters"]["table_type"] == "ICEBERG"
    assert catalog.load(LABELS, "m") is None


def test_a_table_is_partitioned_by_day_and_made_once(tmp_path: Path) -> None:
    catalog = catalog_in(Folder(tmp_path))
    first, again = (catalog.create(REQUEST_LOG, DEFINITION) for _ in range(2))
    assert first.metadata.table_uuid == again.metadata.table_uuid
    [field] = first.spec().fields
    assert (field.name, str(field.transform)) == ("day", "day")
    assert [column.name for column in first.schema().fields] == REQUEST_LOG.schema(DEFINITION).names


def test_columns_are_added_retired_and_brought_back(tmp_path: Path) -> None:
    catalog = catalog_in(Folder(tmp_path))
    table = catalog.create(REQUEST_LOG, DEFINITION)
    number = REQUEST_LOG.schema(DEFINITION)
    place = number.get_field_index("a")
    text = number.set(place, pa.field("a", pa.string())).append(pa.field("a__double", pa.string()))
    before = field_ids(table.schema(), number)["a"]
    evolve(table, text)
    names = {field.field_id: field.name for field in table.schema().fields}
    # The name that a retired column would have is taken by a feature.
    assert names[before] == "a__double_"
    ids = field_ids(table.schema(), text)
    assert (names[ids["a"]], names[ids["a__double"]]) == ("a", "a__double")
    evolve(table, number)
    assert field_ids(table.schema(), number)["a"] == before
    assert {field.name for field in table.schema().fields} >= {"a", "a__string", "a__double"}
    location = table.metadata_location
    evolve(table, number)
    assert table.metadata_location == location


def test_files_are_read_and_written_by_their_location(tmp_path: Path) -> None:
    storage: Any = Folder(tmp_path)
    files = load_file_io(
        {"py-io-impl": f"{StorageFileIO.__module__}.StorageFileIO", STORAGE: storage}
    )
    made = files.new_output("s3://bucket/a/b")
    assert not made.exists()
    with made.create() as body:
        body.write(b"text")
        assert not made.exists()
    assert made.exists()
    assert len(made) == 4
    with made.to_input_file().open() as stream:
        assert stream.read() == b"text"
    files.delete("s3://bucket/a/b")
    files.delete(made)
    with pytest.raises(FileNotFoundError, match="s3://bucket/a/b"):
        files.new_input("s3://bucket/a/b").open()
    with pytest.raises(ValueError, match="not in the bucket"):
        files.new_input("s3://other/a").open()


def test_what_fails_while_it_is_written_is_not_stored(tmp_path: Path) -> None:
    storage: Any = Folder(tmp_path)
    made = StorageFileIO({STORAGE: storage}).new_output("s3://bucket/a")
    with suppress(RuntimeError), made.create() as body:
        body.write(b"half")
        raise RuntimeError
    assert not made.exists()


def test_neither_reading_nor_writing_needs_pyicebergs_own_arrow(tmp_path: Path) -> None:
    """It needs a library that is not part of the function's layer."""
    code = f"""
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tests.support.small_lake import LATER, LONG_AGO, SmallLake, land
from evergreen.lake.upkeep import maintain
from tests.support.small_lake import DEFINITION
lake = SmallLake(Path({str(tmp_path)!r}))
for name in ("r1", "r2"):
    land(lake.storage, name, name, LONG_AGO)
    assert not lake.compact().failures
assert maintain(lake.storage, lake.catalog, DEFINITION, clock=lambda: LATER).rewritten == 2
assert lake.ids() == ["r1", "r2"]
print([name for name in sys.modules if name.startswith("pyiceberg.io.py")])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
