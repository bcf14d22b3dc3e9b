"""What the comparison is told beside the rows: both data sets' manifests, and the grounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.bundle.store import save_bundle
from evergreen.clock import utc_now
from evergreen.datasets.manifest import MANIFEST_FILE, AgeEffect, Aging, folder_key, read_manifest
from evergreen.datasets.splitting import with_split
from evergreen.datasets.store import write_dataset
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.writer import Registry
from functions.evaluate import handler as evaluating
from functions.evaluate import settings as evaluating_settings
from functions.shared import clients
from tests.support.gateway_events import Context
from tests.support.trained_models import (
    DEFINITION,
    TOML,
    bundle,
    promote,
    signal,
    training_columns,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

CONTEXT: Any = Context()
MODEL = DEFINITION.name
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def deployed(aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / MODEL
    folder.mkdir()
    (folder / "model.toml").write_text(TOML)
    aws.storage()
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    told = {
        "EVERGREEN_STAGE": "dev",
        "EVERGREEN_BUCKET": "data",
        "EVERGREEN_MODELS": str(tmp_path),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(clients, "aws_client", aws.client)
    for each in (evaluating_settings.settings, evaluating._registry):
        each.cache_clear()
    yield
    for each in (evaluating_settings.settings, evaluating._registry):
        each.cache_clear()


def effect(*, surely: bool) -> AgeEffect:
    return AgeEffect(
        rows=40,
        origins=5,
        share_worse=0.8,
        loss=0.5,
        error=0.5,
        probability_worse=0.99 if surely else 0.6,
    )


def dataset(storage: Storage, first: int, *effects: AgeEffect) -> str:
    """Store 400 rows, 100 of them held out, with what their rolling origins found."""
    part = slice(first, first + 400)
    columns = {name: values[part] for name, values in training_columns().items()}
    times = [START + timedelta(hours=row) for row in range(first, first + 400)]
    rows = pa.table(
        {
            **columns,
            "wind": pa.array(columns["wind"], from_pandas=True),
            "late": np.where(signal()[part] > 0.3, "late", "on time").astype(object),
            "timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
        }
    )
    found = write_dataset(
        storage,
        DEFINITION,
        with_split(rows, pa.array(np.arange(400) >= 300)),
        sources=["recorded"],
        data_until=START,
        clock=utc_now,
    )
    known = found.model_copy(update={"aging": Aging(effects=effects), "new_train_rows": 45})
    key = folder_key(MODEL, found.dataset_id) + MANIFEST_FILE
    storage.put(key, known.model_dump_json().encode())
    assert read_manifest(storage, MODEL, found.dataset_id) == known
    return found.dataset_id


def test_manifests_and_grounds_go_into_the_comparison(aws: Account) -> None:
    storage = aws.storage()
    champions = dataset(storage, 0, effect(surely=False))
    challengers = dataset(storage, 400, effect(surely=False))
    promote(storage, aws.production(), "7", reference_dataset_id=champions)
    registry = Registry(BucketTracking(storage, utc_now))
    version = registry.register(MODEL, registry.start_run(MODEL, "training", {}), challengers)
    registry.attach_bundle(MODEL, version, *save_bundle(storage, MODEL, bundle(version)))
    event = {"model": MODEL, "dataset_id": challengers, "challenger": version}

    quiet = evaluating.handler(event, CONTEXT)
    assert quiet["probability_required"] == 0.95
    assert quiet["aging"] == effect(surely=False).model_dump()
    drifted = evaluating.handler(event | {"because": ["data_drift"]}, CONTEXT)
    assert drifted["probability_better"] == quiet["probability_better"]
    assert drifted["probability_required"] == 0.2
    assert "because the data drifted, so 0.2 is enough" in drifted["reason"]
    dataset(storage, 0, effect(surely=True))
    aged = evaluating.handler(event | {"because": ["new_rows"]}, CONTEXT)
    assert "surely better with 40 newer rows, so 0.2 is enough" in aged["reason"]
