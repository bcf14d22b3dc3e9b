"""The lake's queries find the rows of the small engine in a log of 300,000 rows, or of LOG_ROWS.

They need no deployment. They are here because they take some seconds. `make test-engine` runs them
with a million rows.
"""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from evergreen.lake.sql import labelled_query, predictions_query
from tests.support.folder_bucket import Folder
from tests.support.made_up_log import (
    LAST,
    START,
    LoadedLake,
    MadeUpLog,
    TrinoOnDuckDb,
    made_up_log,
)
from tests.support.query_files import unloaded

if TYPE_CHECKING:
    from pathlib import Path

ROWS = int(os.environ.get("LOG_ROWS", "300000"))
WINDOW = (START + timedelta(hours=1), LAST - timedelta(hours=1))
NOW = LAST + timedelta(hours=12)


@pytest.fixture(scope="module")
def made_up() -> MadeUpLog:
    return made_up_log(ROWS)


def test_all_rows_are_the_same(made_up: MadeUpLog, tmp_path: Path) -> None:
    definition, lake = made_up.definition, LoadedLake(made_up, NOW)
    engine = TrinoOnDuckDb(made_up)
    for name, query, expected in (
        (
            "predictions",
            predictions_query(definition, engine.tables, *WINDOW),
            lake.predictions(definition, *WINDOW),
        ),
        (
            "labelled",
            labelled_query(definition, engine.tables, *WINDOW, NOW),
            lake.labelled(definition, *WINDOW),
        ),
    ):
        output = unloaded(Folder(tmp_path), engine.run(query), name)
        found = in_order(pa.concat_tables(output.batches(definition)))
        assert found.num_rows > ROWS / 4
        assert found.equals(in_order(expected.select(found.column_names)))


def in_order(rows: pa.Table) -> pa.Table:
    """Sort rows by everything that tells two of them apart."""
    return rows.sort_by([(name, "ascending") for name in ("request_id", "row", "role")])
