"""An uploaded data set gets in its manifest what the data sets of the loop have."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.clock import utc_now
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.splitting import with_split
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.model_definition import find_definition
from functions.build_dataset import handler as building
from functions.shared import clients, lake_settings
from tests.support.gateway_events import Context

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

CONTEXT: Any = Context()
START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 1_000
TOML = """\
name = "plant"
task = "regression"
target = "height"

[features]
water = { type = "float" }
"""
NEWEST_MEAN = """\
from sklearn.dummy import DummyRegressor


def train(features, target):
    return DummyRegressor().fit(features[-40:], target[-40:])
"""


@pytest.fixture
def models(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "model.toml").write_text(TOML)
    (folder / "training.py").write_text(NEWEST_MEAN)
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODELS": str(tmp_path),
        "EVERGREEN_LAKE_CATALOG": "glue",
        "EVERGREEN_LAKE_DATABASE": "lake",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "aws_client", aws.client)
    lake_settings.settings.cache_clear()
    yield tmp_path
    lake_settings.settings.cache_clear()


def test_an_uploaded_data_set_says_how_fast_a_model_of_it_ages(aws: Account, models: Path) -> None:
    storage = aws.storage()
    times = [START + timedelta(hours=row) for row in range(ROWS)]
    height = 0.05 * np.arange(ROWS) + np.random.default_rng(1).normal(size=ROWS)
    table = pa.table(
        {
            "water": np.zeros(ROWS, np.float32),
            "height": height,
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        }
    )
    written = write_dataset(
        storage,
        find_definition(models, "plant"),
        with_split(table, pa.array(np.arange(ROWS) >= 800)),
        sources=["plants.csv"],
        data_until=START,
        clock=utc_now,
    )
    assert written.aging is None

    event = {"model": "plant", "dataset_id": written.dataset_id, "trigger": "Upload"}
    assert building.handler(event, CONTEXT) == event

    found = read_manifest(storage, "plant", written.dataset_id)
    assert found.aging is not None
    assert found.aging.pays_after == 40  # it falls behind by two in as many rows
    assert found.model_copy(update={"aging": None}) == written
    assert load_dataset(storage, "plant", written.dataset_id).num_rows == ROWS
    # A state that is tried again finds what it found before.
    building.handler(event, CONTEXT)
    assert read_manifest(storage, "plant", written.dataset_id) == found
