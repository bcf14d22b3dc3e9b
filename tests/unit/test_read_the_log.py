"""The examples of ``docs/read-the-log.md`` find what the log says, with each engine."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import duckdb
import polars as pl
import pyarrow as pa
import pytest
import sqlglot

from evergreen.clock import to_text
from evergreen.lake.compaction import compact
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.model_definition import find_definition
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.lake.tables import TableKind

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "read-the-log.md").read_text(encoding="utf-8")
OPENING, *EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SQL = re.findall(r"^```sql\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
DATABASE = "evergreen_dev"
NOON = datetime(2026, 2, 1, 12, tzinfo=UTC)
LAST_YEAR = datetime(2025, 12, 31, 12, tzinfo=UTC)
FOUND = [
    {"carrier": "AA", "labelled": 2, "accuracy": 0.5},
    {"carrier": "UA", "labelled": 1, "accuracy": 1.0},
]


class PlainFolder(Folder):
    """A bucket whose places are paths of files, so that any engine can read them."""

    def uri(self, key: str) -> str:
        return f"{self._path}/{key}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a stack seems to run, with what a compaction has made of a short log."""
    path = tmp_path_factory.mktemp("repository")
    storage = PlainFolder(path)
    definition = find_definition(ROOT / "models", "flight_delay")
    catalog = catalog_in(storage, path, database=DATABASE)
    answers = (
        ("r1", NOON, "champion", ["AA", "AA", "UA"], ["0", "1", "1"]),
        ("r1", NOON, "shadow", ["AA", "AA", "UA"], ["1", "1", "0"]),
        ("r2", NOON, "champion", ["UA"], ["1"]),
        ("r3", LAST_YEAR, "champion", ["AA"], ["1"]),
    )
    lines = [
        record
        for request_id, moment, role, carriers, outputs in answers
        for record in request_records(
            definition=definition,
            model_version="1",
            confidences=None,
            timestamp=moment,
            request_id=request_id,
            rows=[{"carrier": carrier} for carrier in carriers],
            outputs=outputs,
            metadata={"role": role},
        )
    ]
    # r1's first label is told three times, and the last one comes first; r2 has none.
    truth = [("r1", 0, "0", 3), ("r1", 1, "0", 1), ("r1", 2, "1", 1), ("r3", 0, "1", 1)]
    late = [("r1", 0, "1", 1), ("r1", 0, "1", 2)]
    land(storage, REQUEST_LOG, lines)
    for told in (truth, *([each] for each in late)):
        land(storage, LABELS, [label_record(*each) for each in told])
        report = compact(storage, catalog, definition, include_open=True)
        assert not report.failures
    state = {"lake_catalog": f"sqlite:///{path}/catalog.sqlite", "endpoint_url": "http://none"}
    storage.put_json(".evergreen/state.json", state)
    return path


def label_record(request_id: str, row: int, label: str, hours: int) -> dict[str, Any]:
    return {
        "timestamp": to_text(NOON + timedelta(hours=hours)),
        "request_id": request_id,
        "row": row,
        "model": "flight_delay",
        "label": label,
        "observed_at": to_text(NOON),
    }


def land(storage: Folder, kind: TableKind, records: list[dict[str, Any]]) -> None:
    key = f"{kind.raw_prefix('flight_delay', NOON.date())}12/{uuid4()}"
    storage.put(key, b"".join(map(encode, records)))


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names of the page's first example after it ran."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("POLARS_ICEBERG_PLANNER", "pyiceberg")
    names: dict[str, Any] = {}
    run(OPENING, names)
    yield names
    names["catalog"].close()


def run(example: str, names: dict[str, Any]) -> None:
    exec(compile(example, "docs/read-the-log.md", "exec"), names)


def as_rows(table: Any) -> list[dict[str, Any]]:
    """Return the rows of a table of any of the libraries."""
    if isinstance(table, pa.Table):
        table = table.to_pandas()
    rows: list[dict[str, Any]] = (
        table.to_dicts() if isinstance(table, pl.DataFrame) else table.to_dict("records")
    )
    return rows


def test_each_engine_finds_the_same(opened: dict[str, Any]) -> None:
    found = []
    for example in EXAMPLES:
        opened.pop("accuracy", None)
        run(example, opened)
        found.append(as_rows(opened["accuracy"]))
    assert found == [FOUND] * 4


def test_athena_finds_the_same(opened: dict[str, Any]) -> None:
    (query,) = SQL
    (translated,) = sqlglot.transpile(query, read="trino", write="duckdb")
    with duckdb.connect() as database:
        database.execute(f"CREATE SCHEMA {DATABASE}")
        for kind, name in ((REQUEST_LOG, "log"), (LABELS, "labels")):
            database.register("found", opened[name].scan().to_arrow())
            table = kind.table_name("flight_delay")
            database.execute(f"CREATE TABLE {DATABASE}.{table} AS FROM found")
        assert as_rows(database.sql(translated).to_arrow_table()) == FOUND


def test_the_tables_hold_what_the_rules_of_the_page_are_for(opened: dict[str, Any]) -> None:
    assert opened["log"].scan("role = 'shadow'").to_arrow().num_rows == 3
    assert opened["labels"].scan("request_id = 'r1' and row = 0").to_arrow().num_rows == 3


def test_the_page_lists_all_columns() -> None:
    definition = find_definition(ROOT / "models", "flight_delay")
    for kind in (REQUEST_LOG, LABELS):
        names = set(kind.schema(definition).names) - definition.features.keys()
        assert {name for name in names if f"`{name}`" not in PAGE} == set()
