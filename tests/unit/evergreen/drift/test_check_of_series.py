"""A drift check of several series: one metric, and the store whose loss grew is named."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.bundle.predictor import Predictions
from evergreen.clock import to_text
from evergreen.datasets.holdout_predictions import holdout_key, to_holdout_file
from evergreen.datasets.schema import normalise
from evergreen.datasets.splitting import HOLDOUT, rows_of, split_rows
from evergreen.datasets.store import write_dataset
from evergreen.drift.check import run_check
from evergreen.lake.reader import Lake
from evergreen.model_definition import ModelDefinition
from evergreen.production import ProductionPointer
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in
from tests.support.log_records import request_records

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.drift.check import CheckResult

END = datetime(2026, 3, 2, tzinfo=UTC)
STORES = ("north", "south", "west")
DEFINITION = ModelDefinition.model_validate(
    {
        "name": "shops",
        "task": "time_series",
        "target": "sales",
        "forecast": {"horizon": "ahead", "seasonal_naive": "before", "series": "store"},
        "features": {
            "store": {"type": "category"},
            "ahead": {"type": "integer", "min": 1, "max": 7},
            "before": {"type": "float"},
        },
        "evaluation": {"metric": "mae", "min_labelled_rows": 20},
    }
)


def rows(steps: int, seed: int) -> list[dict[str, Any]]:
    random = np.random.default_rng(seed)
    return [
        {"store": store, "ahead": ahead, "before": float(random.normal(100, 5))}
        for _ in range(steps)
        for store in STORES
        for ahead in (1, 7)
    ]


def errors(asked: list[dict[str, Any]], seed: int, wrong: str | None = None) -> Any:
    random = np.random.default_rng(seed)
    spread = [9.0 if row["store"] == wrong else 2.0 for row in asked]
    return random.normal(0, spread)


def check(folder: Path, wrong: str | None) -> CheckResult:
    storage, start = Folder(folder), END - timedelta(days=200)
    known = rows(200, 1)
    times = [start + timedelta(days=number // 6) for number in range(len(known))]
    truth = [row["before"] for row in known]
    table = pa.Table.from_pylist(known).append_column("sales", pa.array(truth))
    table = split_rows(DEFINITION, table.append_column("timestamp", pa.array(times)))
    dataset = write_dataset(
        storage, DEFINITION, table, sources=["test"], data_until=END, clock=lambda: start
    )
    held = rows_of(normalise(DEFINITION, table), HOLDOUT)
    said = held["sales"].to_numpy() + errors(held.to_pylist(), 2)
    body = to_holdout_file(DEFINITION, held, Predictions(said.tolist(), None))
    storage.put(holdout_key("shops", "2"), body)
    at, asked = END - timedelta(hours=1), rows(60, 3)
    records = request_records(
        timestamp=at,
        request_id="r",
        definition=DEFINITION,
        model_version="2",
        rows=asked,
        outputs=[row["before"] for row in asked],
        confidences=None,
        metadata={"role": "champion"},
    )
    off = errors(asked, 4, wrong)
    labels = [
        {"timestamp": to_text(at), "request_id": "r", "row": number, "model": "shops"}
        | {"label": row["before"] + off[number], "observed_at": to_text(at)}
        for number, row in enumerate(asked)
    ]
    for kind, lines in (("request-log", records), ("labels", labels)):
        key = f"{kind}/raw/model=shops/{at:%Y/%m/%d/%H}/one"
        storage.put(key, "".join(f"{json.dumps(line)}\n" for line in lines).encode())
    pointer = ProductionPointer(
        version="2",
        bundle_uri="s3://bucket/bundles/shops/2/",
        sha256="0" * 64,
        reference_dataset_id=dataset.dataset_id,
        promoted_at=start,
        metric=1.0,
    )
    lake = Lake(storage, catalog_in(storage), clock=lambda: END)
    day = timedelta(days=1)
    return run_check(
        DEFINITION, pointer, lake, storage, start=END - day, end=END, clock=lambda: END
    )


@pytest.mark.parametrize("wrong", [None, "south"], ids=["as before", "one store"])
def test_the_store_whose_loss_grew_is_named(tmp_path: Path, wrong: str | None) -> None:
    result = check(tmp_path, wrong)
    test = result.performance
    assert test is not None
    assert test.labelled_rows == 360
    assert test.drifted is (wrong is not None)
    lost = [each for each in result.segments if each.explains == "performance"]
    assert [(each.feature_name, each.segment) for each in lost] == (
        [("store", "south")] if wrong else []
    )
