"""A query is prepared for one run, and everything that its execution wrote can be removed."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlglot

from evergreen.bundle.content import Bundle, Signature, TrainedFeature
from evergreen.bundle.store import save_bundle
from evergreen.clock import to_text, utc_now
from evergreen.datasets.store import write_dataset
from evergreen.errors import NoProductionModelError, OutdatedQueryError
from evergreen.lake.query_places import QUERIES
from evergreen.model_definition import find_definition
from evergreen.production import ProductionPointer
from functions.prepare_query import handler as preparing
from functions.prepare_query import settings as preparing_settings
from functions.shared import clients
from functions.shared.finished_query import FinishedQuery
from tests.support.gateway_events import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

CONTEXT: Any = Context()
EXECUTION = "arn:aws:states:us-east-1:1:execution:evergreen-dev-train-evaluate-promote:it's"
TOML = """
name = "plant"
task = "regression"
target = "height"
[features]
water = { type = "float" }
"""


@pytest.fixture
def storage(aws: Account) -> Storage:
    return aws.storage()


@pytest.fixture(autouse=True)
def deployed(
    aws: Account, storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    (tmp_path / "plant").mkdir()
    (tmp_path / "plant" / "model.toml").write_text(TOML)
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODELS": str(tmp_path),
        "EVERGREEN_LAKE_CATALOG": "glue",
        "EVERGREEN_LAKE_DATABASE": "evergreen_dev",
        "EVERGREEN_QUERY_DATABASE": "evergreen_dev_queries",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "aws_client", aws.client)
    preparing_settings.settings.cache_clear()
    yield
    preparing_settings.settings.cache_clear()


@pytest.fixture
def champion(aws: Account, storage: Storage, tmp_path: Path) -> str:
    """Put a version into production whose data set has two rows of the log and one by hand."""
    rows = pa.table(
        {
            "water": [1.0, 2.0, 3.0],
            "height": [1.0, 2.0, 3.0],
            "timestamp": pa.array([utc_now()] * 3, pa.timestamp("us", tz="UTC")),
            "split": ["train"] * 3,
            "request_id": ["a", "b", None],
            "row": pa.array([0, 1, None], pa.int64()),
        }
    )
    manifest = write_dataset(
        storage,
        find_definition(tmp_path, "plant"),
        rows,
        sources=["made up"],
        data_until=utc_now(),
        clock=utc_now,
    )
    signature = Signature(
        task="regression",
        target="height",
        features=(TrainedFeature(name="light", type="category"),),
        label_range=(0, 2.5),
    )
    uri, sha256 = save_bundle(storage, "plant", Bundle("7", signature, b"no model"))
    clients.production("dev").write(
        "plant",
        ProductionPointer(
            version="7",
            bundle_uri=uri,
            sha256=sha256,
            reference_dataset_id=manifest.dataset_id,
            promoted_at=utc_now(),
        ),
    )
    return manifest.dataset_id


def prepare(**event: Any) -> dict[str, Any]:
    asked = {"action": "prepare", "model": "plant", "execution": EXECUTION, **event}
    answer: dict[str, Any] = preparing.handler(asked, CONTEXT)
    return answer


def test_a_data_set_is_asked_for_with_the_keys_of_the_champions_rows(
    storage: Storage, champion: str
) -> None:
    answer = prepare()
    assert (answer["found"], answer["subject"]) == (True, champion)
    (item,) = storage.list(f"{QUERIES}used/")
    keys = pq.read_table(io.BytesIO(storage.get(item.key) or b""))
    assert keys.to_pylist() == [{"request_id": "a", "row": 0}, {"request_id": "b", "row": 1}]
    run = item.key.split("/")[2]
    # The table's one partition that the query names is the one that was written.
    assert f"\"run\" = '{run}'" in answer["select"]
    assert answer["location"] == f"s3://data/{QUERIES}rows/{run}/"
    statement = answer["unload"].format(answer["select"], answer["location"], 1)
    assert statement.startswith(
        f"UNLOAD ({answer['select']}) TO 's3://data/{QUERIES}rows/{run}/1/'"
    )
    tables = sqlglot.parse_one(answer["select"], dialect="trino").find_all(sqlglot.exp.Table)
    assert {f"{table.db}.{table.name}" for table in tables if table.db} == {
        "evergreen_dev.plant_request_log",
        "evergreen_dev.plant_labels",
        "evergreen_dev_queries.used_rows",
    }


def test_a_window_is_asked_for_of_the_version_in_production(champion: str) -> None:
    end = utc_now() - timedelta(hours=1)
    answer = prepare(window="24 hours", end=to_text(end))
    assert (answer["subject"], answer["end"]) == ("7", to_text(end))
    assert "model_version = '7'" in answer["select"]
    assert f"{end - timedelta(hours=24):%Y-%m-%d %H:%M:%S.%f} UTC" in answer["select"]


def test_a_window_is_of_what_was_trained_on_and_a_data_set_of_what_is_defined(
    champion: str,
) -> None:
    window, new_rows = prepare(window="24 hours")["select"], prepare()["select"]
    assert ('"light" AS f0' in window, '"water" AS f0' in window) == (True, False)
    assert ('"light" AS f0' in new_rows, '"water" AS f0' in new_rows) == (False, True)
    # Labels far from those of training count in neither.
    for select in (window, new_rows):
        assert "label >= CAST('-25.0' AS double) AND label <= CAST('27.5' AS double)" in select


def test_no_end_is_now(champion: str) -> None:
    before = utc_now()
    answer = prepare(window="24 hours", end="")
    assert to_text(before) <= answer["end"] <= to_text(utc_now())


def test_without_a_version_there_is_no_window_and_no_data_set_to_extend() -> None:
    assert prepare(window="24 hours") == {"found": False}
    with pytest.raises(NoProductionModelError, match="promote a first model"):
        prepare()


def test_what_all_attempts_of_an_execution_wrote_is_removed_and_nothing_else(
    storage: Storage, champion: str
) -> None:
    for answer in (prepare(), prepare()):
        place = answer["location"].removeprefix("s3://data/")
        storage.put(f"{place}0/part", b"rows")
        storage.put(f"{place}1/part", b"rows")
    others = prepare(execution="another")
    event = {"action": "remove", "model": "plant", "execution": EXECUTION}
    assert preparing.handler(event, CONTEXT) == {"removed": 6}
    (left,) = storage.list(QUERIES)
    assert left.key.split("/")[2] in others["location"]
    assert preparing.handler(event, CONTEXT) == {"removed": 0}


def test_a_query_for_what_was_replaced_is_refused(storage: Storage, champion: str) -> None:
    ran = {"query_id": "1", "statistics": {"DataManifestLocation": "s3://data/list.csv"}}
    finished = FinishedQuery.model_validate(prepare() | {"ran": ran})
    finished.output(storage, champion)
    with pytest.raises(OutdatedQueryError, match="no longer in production"):
        finished.output(storage, "ds-other")
