"""The shipped check as it is deployed, down to reading the log: drawn rows as a day's traffic.

The bucket is a folder; the window, from noon to noon, lies in two compacted days of the log.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import write_dataset
from evergreen.drift.check import run_check
from evergreen.lake.catalog import open_catalog
from evergreen.lake.commits import append
from evergreen.lake.data_files import FileWriter, columns_with_ids, day_number
from evergreen.lake.held import held_lists, write_held
from evergreen.lake.reader import Lake
from evergreen.lake.tables import REQUEST_LOG, TIMESTAMP_TYPE
from evergreen.model_definition import ModelDefinition
from evergreen.production import ProductionPointer
from tests.support.folder_bucket import Folder

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.lake.catalog import LakeCatalog
    from tests.benchmarks.drift.data import Columns

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MOST_REFERENCE = 200_000
"""As many rows as a data set has by default."""


def store(reference: Columns, window: Columns, folder: Path) -> None:
    """Write the reference as a data set and the window as compacted traffic."""
    features = {
        name: {"type": "category" if values.dtype == object else "float", "nullable": True}
        for name, values in reference.items()
    }
    definition, storage = _definition(features), Folder(folder)
    rows = pa.table({name: values[:MOST_REFERENCE] for name, values in reference.items()})
    count = rows.num_rows
    rows = rows.append_column("timestamp", _times(count, NOON - 30 * DAY))
    rows = rows.append_column("y", pa.array([0.0] * count))
    manifest = write_dataset(
        storage,
        definition,
        split_rows(definition, rows),
        sources=["drawn"],
        data_until=NOON - 29 * DAY,
        clock=lambda: NOON - 29 * DAY,
    )
    storage.put_json("reference.json", manifest.dataset_id)
    storage.put_json("features.json", features)
    log = _logged(definition, window)
    noon = log.num_rows // 2
    table = _catalog(folder).create(REQUEST_LOG, definition)
    columns = columns_with_ids(table, log.schema)
    for part in (log.slice(0, noon), log.slice(noon)):
        moment = part["timestamp"][0].as_py()
        writer = FileWriter(storage, table, columns, day_number(moment))
        writer.write(part)
        held = write_held(storage, REQUEST_LOG, definition.name, moment.date(), ())
        append(table, [writer.close()], held_lists(table), moment.date(), held)


def run(folder: Path) -> bool:
    """Check the window; whether anything drifted."""
    storage = Folder(folder)
    definition = _definition(storage.get_json("features.json"))
    pointer = ProductionPointer(
        version="1",
        bundle_uri="s3://bucket/bundles/benchmark/1/",
        sha256="",
        reference_dataset_id=storage.get_json("reference.json"),
        promoted_at=NOON - 20 * DAY,
        metric=1.0,
    )
    lake = Lake(storage, _catalog(folder), clock=lambda: NOON)
    found = run_check(
        definition, pointer, lake, storage, start=NOON - DAY, end=NOON, clock=lambda: NOON
    )
    return found.decision.verdict == "drift"


def _catalog(folder: Path) -> LakeCatalog:
    return open_catalog(f"sqlite:///{folder}/catalog.sqlite", Folder(folder), "benchmark")


def _definition(features: dict[str, dict[str, Any]]) -> ModelDefinition:
    return ModelDefinition.model_validate(
        {"name": "benchmark", "task": "regression", "target": "y", "features": features}
    )


def _logged(definition: ModelDefinition, window: Columns) -> pa.Table:
    rows = next(iter(window.values())).size
    log = {
        "timestamp": _times(rows, NOON - DAY),
        "request_id": pa.array([f"{number:032x}" for number in range(rows)]),
        "row": pa.array(np.zeros(rows, np.int64)),
        "model_version": pa.repeat("1", rows),
        "role": pa.repeat("champion", rows),
        "model_output": pa.array(np.zeros(rows)),
        "confidence": pa.nulls(rows, pa.float64()),
        **{name: pa.array(values, from_pandas=True) for name, values in window.items()},
        "input_data": pa.repeat("{}", rows),
        "metadata": pa.repeat("{}", rows),
    }
    return pa.table(log).cast(REQUEST_LOG.schema(definition))


def _times(rows: int, start: datetime) -> pa.Array:
    """Spread moments evenly over the day from ``start``."""
    first = int(start.timestamp() * 1e6)
    return pa.array(first + np.arange(rows) * 86_400_000_000 // rows, pa.int64()).cast(
        TIMESTAMP_TYPE
    )
