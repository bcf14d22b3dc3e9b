"""Erasure: rows leave every place and every version of it, wherever a run is killed."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from evergreen.capture.request_log import new_request_id
from evergreen.clock import to_text
from evergreen.datasets.holdout_predictions import holdout_key
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.lake import erasure as lake_erasure
from evergreen.lake.compaction import compact
from evergreen.lake.erased_rows import ErasedRows
from evergreen.lake.reader import Lake
from evergreen.lake.tables import LABELS, REQUEST_LOG, TIMESTAMP_TYPE
from evergreen.model_definition import ModelDefinition
from evergreen.repair.erasure import ErasureRecord, erase
from evergreen.storage import Storage
from tests.support.killed import Killed
from tests.support.lake_tables import catalog_in
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Sequence

    from evergreen.lake.catalog import LakeCatalog
    from tests.support.aws_in_process import Account

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "m",
        "task": "regression",
        "target": "y",
        "features": {"a": {"type": "float"}, "b": {"type": "category"}},
    }
)
GONE, KEPT, HALF = (new_request_id() for _ in range(3))
ERASED = ErasedRows(frozenset({GONE}), frozenset({(HALF, 1)}))
LEFT = [(KEPT, 0), (KEPT, 1), (HALF, 0)]


class Dying(Storage):
    """A bucket whose user is killed before one of the changes."""

    left = 10**9

    def _change(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1

    def put(self, key: str, body: bytes) -> None:
        self._change()
        super().put(key, body)

    def put_if_absent(self, key: str, body: bytes) -> bool:
        self._change()
        return super().put_if_absent(key, body)

    def delete(self, key: str) -> None:
        self._change()
        super().delete(key)

    def delete_all(self, keys: Sequence[str]) -> None:
        self._change()
        super().delete_all(keys)

    def purge(self, prefix: str) -> int:
        self._change()
        return super().purge(prefix)


def _moment(request_id: str) -> datetime:
    return NOW - timedelta(hours=1, seconds=(GONE, KEPT, HALF).index(request_id))


def _land(storage: Storage, name: str, *request_ids: str) -> None:
    """Land an object with two rows of each request, and one with the labels of their first."""
    predictions, labels = [], []
    for request_id in request_ids:
        predictions += request_records(
            timestamp=_moment(request_id),
            request_id=request_id,
            definition=DEFINITION,
            model_version="1",
            rows=[{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}],
            outputs=[10.0, 20.0],
            confidences=None,
            metadata={"role": "champion"},
        )
        for row in (0, 1):
            record = {"timestamp": to_text(NOW), "request_id": request_id, "row": row}
            labels.append({**record, "model": "m", "label": 1.0, "observed_at": to_text(NOW)})
    for kind, records in ((REQUEST_LOG, predictions), (LABELS, labels)):
        storage.put(f"{kind.raw_prefix('m', NOW.date())}12/{name}", b"".join(map(encode, records)))


def _compact(storage: Storage, catalog: LakeCatalog) -> None:
    report = compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: NOW)
    assert report.failures == []


def _fill(storage: Storage, catalog: LakeCatalog) -> str:
    """Put the requests wherever rows can be, and return the id of the data set."""
    _land(storage, "mixed", GONE, KEPT, HALF)
    _land(storage, "alone", GONE)
    broken = f'{{"request_id": "{GONE}", "row": 0.5}}\n{{"request_id": "{KEPT}"}}\n'
    storage.put(f"{LABELS.raw_prefix('m', NOW.date())}12/broken", broken.encode())
    assert (
        compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: NOW).failures == []
    )
    _land(storage, "later", HALF, GONE)
    keys = [(GONE, 0), (KEPT, 0), (KEPT, 1), (HALF, 1), (None, None)]
    rows = pa.table(
        {
            "a": [1.0] * 5,
            "b": ["x"] * 5,
            "y": [1.0] * 5,
            "timestamp": pa.array(
                [_moment(key[0]) if key[0] else NOW for key in keys], TIMESTAMP_TYPE
            ),
            "split": ["holdout", "holdout", "train", "train", "train"],
            "request_id": [key[0] for key in keys],
            "row": [key[1] for key in keys],
        }
    )
    made = write_dataset(
        storage, DEFINITION, rows, sources=["test"], data_until=NOW, clock=lambda: NOW
    )
    sink = io.BytesIO()
    times = pa.array([_moment(each) for each in (GONE, KEPT)], TIMESTAMP_TYPE)
    pq.write_table(pa.table({"timestamp": times, "label": [1.0, 2.0]}), sink)
    storage.put(holdout_key("m", "1"), sink.getvalue())
    return made.dataset_id


@pytest.fixture
def storage(aws: Account) -> Dying:
    aws.storage()
    aws.s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    return Dying("data", aws.s3)


def _erase(storage: Storage, catalog: LakeCatalog) -> ErasureRecord:
    return erase(storage, catalog, DEFINITION, ERASED, by="request", clock=lambda: NOW)


def _places_with_erased(aws: Account) -> list[str]:
    """Look into every version of every object."""
    found = []
    for version in aws.s3.list_object_versions(Bucket="data").get("Versions", []):
        key, number = version["Key"], version["VersionId"]
        body = aws.s3.get_object(Bucket="data", Key=key, VersionId=number)["Body"].read()
        if not key.endswith(".parquet"):
            hit = any(ERASED.in_line(line) for line in body.splitlines()) or GONE.encode() in body
        else:
            rows = pq.read_table(io.BytesIO(body))
            if "request_id" in rows.column_names:
                hit = pc.any(ERASED.among(rows)).as_py()
            else:
                hit = _moment(GONE) in rows["timestamp"].to_pylist()
        if hit:
            found.append(key)
    return found


def _check(aws: Account, storage: Storage, catalog: LakeCatalog, dataset_id: str) -> None:
    assert _places_with_erased(aws) == []
    lake = Lake(storage, catalog, clock=lambda: NOW)
    rows = lake.predictions(DEFINITION, NOW - timedelta(days=1), NOW)
    keys = sorted(zip(rows["request_id"].to_pylist(), rows["row"].to_pylist(), strict=True))
    assert keys == sorted(LEFT)
    assert lake.labelled(DEFINITION, NOW - timedelta(days=1), NOW).num_rows == 3
    kept = load_dataset(storage, "m", dataset_id)
    assert sorted(kept["request_id"].to_pylist(), key=str) == sorted([KEPT, KEPT, None], key=str)
    manifest = read_manifest(storage, "m", dataset_id)
    assert (manifest.rows, manifest.train_rows, manifest.holdout_rows) == (3, 2, 1)
    assert manifest.erased_rows == 2
    assert len(list(storage.list(f"datasets/m/{dataset_id}/"))) == 2
    holdout = pq.read_table(io.BytesIO(storage.get(holdout_key("m", "1")) or b""))
    assert holdout["label"].to_pylist() == [2.0]
    [rejected] = storage.list("rejected/")
    assert KEPT in (storage.get(rejected.key) or b"").decode()
    # What is left can be compacted and read as before.
    assert (
        compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: NOW).failures == []
    )
    assert lake.predictions(DEFINITION, NOW - timedelta(days=1), NOW).num_rows == 3


def test_rows_leave_every_place_and_the_record_says_how_many(aws: Account, storage: Dying) -> None:
    catalog = catalog_in(storage)
    dataset_id = _fill(storage, catalog)
    assert len(_places_with_erased(aws)) > 8
    record = _erase(storage, catalog)
    assert record.erased == {
        "holdout predictions": 1,
        "data sets": 2,
        "labels: rejected lines": 1,
        "labels: raw objects": 9,
        "labels: table": 3,
        "request log: rejected lines": 0,
        "request log: raw objects": 8,
        "request log: table": 3,
    }
    assert record.requests == 2
    assert record.old_versions > 0
    _check(aws, storage, catalog, dataset_id)
    [kept] = storage.list("erasures/model=m/")
    written = json.loads(storage.get(kept.key) or b"")
    assert written["finished_at"] == to_text(NOW)
    assert GONE not in json.dumps(written)
    assert HALF not in json.dumps(written)
    assert {*_erase(storage, catalog).erased.values()} == {0}


def test_killed_again_and_again_it_loses_no_other_row_and_gets_done(
    aws: Account, storage: Dying
) -> None:
    catalog = catalog_in(storage)
    dataset_id = _fill(storage, catalog)
    lake = Lake(storage, catalog, clock=lambda: NOW)
    killed = 0
    # Each run gets a little further: every third change is one that a run does not live to see.
    for changes in range(0, 100, 3):
        storage.left = changes
        try:
            _erase(storage, catalog)
        except Killed:
            killed += 1
            rows = lake.predictions(DEFINITION, NOW - timedelta(days=1), NOW)
            keys = zip(rows["request_id"].to_pylist(), rows["row"].to_pylist(), strict=True)
            assert {*LEFT} <= {*keys}
        else:
            break
    storage.left = 10**9
    _check(aws, storage, catalog, dataset_id)
    assert killed > 4


def test_files_that_a_killed_compaction_left_are_erased_too(
    aws: Account, storage: Dying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lake_erasure, "UNFINISHED_AGE", timedelta(0))
    catalog = catalog_in(storage)
    _fill(storage, catalog)
    prefix = f"{REQUEST_LOG.table_prefix('m')}data/"
    [item] = storage.list(prefix)
    storage.put(f"{prefix}day=2026-05-04/unfinished.parquet", storage.get(item.key) or b"")
    _erase(storage, catalog)
    assert _places_with_erased(aws) == []
