"""A data set is read some rows at a time, checked first, and in parts where that is enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from evergreen.datasets import store
from evergreen.datasets.manifest import DatasetManifest, folder_key
from evergreen.datasets.splitting import HOLDOUT, TRAIN, split_rows
from evergreen.datasets.store import load_dataset, read_dataset, write_dataset
from evergreen.errors import EvergreenError
from evergreen.model_definition import ModelDefinition
from tests.support.folder_bucket import Folder

if TYPE_CHECKING:
    from pathlib import Path

START = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = 1000


@pytest.fixture
def storage(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def manifest(storage: Folder) -> DatasetManifest:
    definition = ModelDefinition.model_validate(
        {
            "name": "plant",
            "task": "regression",
            "target": "height",
            "features": {"a b": {"type": "float"}, "colour": {"type": "category"}},
        }
    )
    rows = pa.table(
        {
            "a b": [float(number) for number in range(ROWS)],
            "colour": ["red", "blue"] * (ROWS // 2),
            "height": [0.0] * ROWS,
            "timestamp": pa.array(
                [START + timedelta(minutes=number) for number in range(ROWS)],
                pa.timestamp("us", tz="UTC"),
            ),
        }
    )
    return write_dataset(
        storage,
        definition,
        split_rows(definition, rows),
        sources=["made up"],
        data_until=START,
        clock=lambda: START,
    )


def test_rows_come_in_batches_that_together_are_the_data_set(
    storage: Folder, manifest: DatasetManifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_BATCH_ROWS", 300)
    batches = list(read_dataset(storage, "plant", manifest.dataset_id))
    assert [batch.num_rows for batch in batches] == [0, 300, 300, 300, 100]
    whole = load_dataset(storage, "plant", manifest.dataset_id)
    assert pa.concat_tables(batches).combine_chunks().equals(whole)
    assert whole["a b"].to_pylist() == [float(number) for number in range(ROWS)]


@pytest.mark.parametrize(("split", "rows"), [(TRAIN, "train_rows"), (HOLDOUT, "holdout_rows")])
def test_one_split_and_some_columns(
    storage: Folder, manifest: DatasetManifest, split: str, rows: str
) -> None:
    found = pa.concat_tables(
        read_dataset(storage, "plant", manifest.dataset_id, columns=["height", "a b"], split=split)
    )
    assert found.column_names == ["a b", "height"]
    assert found.num_rows == getattr(manifest, rows) > 0
    whole = load_dataset(storage, "plant", manifest.dataset_id)
    expected = whole.filter(pc.equal(whole["split"], split))
    assert found["a b"].to_pylist() == expected["a b"].to_pylist()


def test_what_was_altered_or_deleted_is_not_read_at_all(
    storage: Folder, manifest: DatasetManifest
) -> None:
    key = folder_key("plant", manifest.dataset_id) + "data.parquet"
    body = storage.get(key)
    assert body
    storage.put(key, body[:-1] + b"?")
    with pytest.raises(EvergreenError, match="missing or was altered"):
        next(read_dataset(storage, "plant", manifest.dataset_id))
    storage.delete(key)
    with pytest.raises(EvergreenError, match="missing or was altered"):
        next(read_dataset(storage, "plant", manifest.dataset_id))
