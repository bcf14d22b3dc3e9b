"""The interval: it covers the share of rows that was asked for, and the bundle has it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from evergreen.bundle.store import load_bundles, stored_bundle
from evergreen.clock import utc_now
from evergreen.datasets.holdout_predictions import read_holdout_predictions
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.model_definition import ModelDefinition
from evergreen.production import ProductionPointer
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.registration import register_challenger
from evergreen.registry.writer import Registry
from evergreen.training.conformal import conformal_interval
from evergreen.training.train import train
from tests.support.fruit_rows import START

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.bundle.content import Signature
    from tests.support.aws_in_process import Account

_TOML = {
    "name": "fruit",
    "task": "regression",
    "target": "weight",
    "features": {"size": {"type": "float"}},
}
_TRAINING = """
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

def train(features, target):
    return make_pipeline(LinearRegression()).fit(features, target)
"""


@given(st.integers(9, 60), st.sampled_from([0.5, 0.8, 0.9]), st.integers(0, 1000))
def test_it_is_the_smallest_error_that_promises_the_coverage(
    rows: int, coverage: float, seed: int
) -> None:
    errors = np.random.default_rng(seed).normal(size=rows)
    interval = conformal_interval(errors, np.zeros(rows), coverage)
    assert interval is not None
    covered = int((np.abs(errors) <= interval.radius).sum())
    # One more row of the same kind is the j-th smallest of rows + 1 with the same probability for
    # each j, so it is covered with probability covered / (rows + 1).
    assert covered / (rows + 1) >= coverage - 1e-9 > (covered - 1) / (rows + 1) - 1e-9
    assert (interval.coverage, interval.rows) == (coverage, rows)


def test_it_covers_what_it_promises_for_a_model_that_is_wrong() -> None:
    random = np.random.default_rng(5)
    inside = []
    for _ in range(400):
        size = random.exponential(size=240)
        weight = size**2 + random.standard_t(2, size=240)  # the model says 2 * size
        interval = conformal_interval(weight[:40], 2 * size[:40], 0.8)
        assert interval is not None
        low, high = np.array(interval.around((2 * size[40:]).tolist())).T
        inside.append(np.mean((low <= weight[40:]) & (weight[40:] <= high)))
    error = 3 * np.std(inside) / np.sqrt(len(inside))
    assert 0.8 - error <= np.mean(inside) <= 0.8 + 1 / 41 + error


def test_too_few_rows_give_none() -> None:
    truth = np.arange(8.0)
    assert conformal_interval(truth, truth, 0.9) is None
    nine = np.arange(9.0)
    found = conformal_interval(nine, np.zeros(9), 0.9)
    assert found is not None
    assert found.radius == 8
    assert conformal_interval(np.array([]), np.array([]), 0.5) is None


def test_training_notes_it_of_what_is_judged_for_what_serves(aws: Account, tmp_path: Path) -> None:
    serving, judged = _trained(aws, tmp_path, 0.9)
    holdout = read_holdout_predictions(aws.storage(), "fruit", "1")
    assert holdout is not None
    errors = np.abs(holdout["label"].to_numpy() - holdout["model_output"].to_numpy())
    assert serving.interval is not None
    assert serving.interval == judged.interval
    assert serving.interval.rows == errors.size
    assert np.mean(errors <= serving.interval.radius) == pytest.approx(0.9, abs=0.02)


def test_without_the_setting_or_with_too_few_rows_there_is_none(
    aws: Account, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert _trained(aws, tmp_path, None)[0].interval is None
    assert _trained(aws, tmp_path, 0.995)[0].interval is None
    assert "held-out rows are too few for the interval 0.995" in caplog.text


def _trained(aws: Account, folder: Path, interval: float | None) -> tuple[Signature, Signature]:
    """Train a version; return the signature of what serves and of what is judged."""
    definition = ModelDefinition.model_validate({**_TOML, "evaluation": {"interval": interval}})
    (folder / "training.py").write_text(_TRAINING)
    size = np.random.default_rng(3).uniform(1, 9, size=200)
    weight = 3 * size + np.random.default_rng(4).normal(size=200)
    rows = pa.table(
        {
            "timestamp": [START + timedelta(minutes=at) for at in range(200)],
            "size": size,
            "weight": weight,
        }
    )
    storage = aws.storage()
    registry = Registry(BucketTracking(storage, utc_now))
    manifest = write_dataset(
        storage,
        definition,
        split_rows(definition, rows),
        sources=["made up"],
        data_until=START + timedelta(minutes=200 if interval is None else 201),
        clock=utc_now,
    )
    table = load_dataset(storage, "fruit", manifest.dataset_id)
    run = train(definition, folder, manifest, table, registry=registry, clock=utc_now)
    made = register_challenger(
        "fruit", run.run_id, run.dataset_id, storage=storage, registry=registry, clock=utc_now
    )
    uri, sha256 = stored_bundle(storage, "fruit", made.version)
    pointer = ProductionPointer(
        version=made.version,
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id=run.dataset_id,
        promoted_at=utc_now(),
    )
    kept = load_bundles(storage, pointer)
    assert kept.is_refit
    return kept.serving.signature, kept.judged.signature


def test_classes_have_probabilities_and_no_interval() -> None:
    told = {**_TOML, "task": "classification", "evaluation": {"interval": 0.9}}
    with pytest.raises(ValidationError, match="use the probabilities"):
        ModelDefinition.model_validate(told)
