"""One retraining through the library, on a real S3, Parameter Store, EventBridge and MLflow."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import load_bundle, load_bundles
from evergreen.clock import utc_now
from evergreen.datasets.builder import build_dataset
from evergreen.datasets.manifest import folder_key, read_manifest
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.errors import (
    BundleError,
    EvergreenError,
    NotEnoughDataError,
    RetrainingInProgressError,
)
from evergreen.evaluation.evaluate import compare, scores_of
from evergreen.model_definition import Retraining
from evergreen.registry.writer import CHALLENGER
from evergreen.release.promotion import candidate_pointer, promote
from evergreen.release.retraining_lock import lock_key, take_lock
from evergreen.training.row_study import study_rows
from evergreen.training.trainer import load_trainer
from tests.support.retraining_bench import START, Bench, comparison, make_rows

if TYPE_CHECKING:
    from evergreen.bundle.content import Bundle
    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.model_definition import ModelDefinition
    from evergreen.registry.registration import Challenger

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def test_a_data_set_comes_back_as_it_was_written_and_keeps_its_first_manifest(bench: Bench) -> None:
    storage, definition = bench.context.storage, bench.definition
    manifest = bench.dataset(seed=1)
    table = load_dataset(storage, definition.name, manifest.dataset_id)
    assert table.num_rows == manifest.rows == 400
    assert (manifest.train_rows, manifest.holdout_rows) == (200, 200)
    original = make_rows(1, 400)
    assert table["size"].to_pylist() == original["size"].to_pylist()
    assert table["ripe"].to_pylist() == [str(label) for label in original["ripe"].to_pylist()]

    shuffled = split_rows(definition, original).take(np.random.default_rng(0).permutation(400))

    def write(data_until: datetime) -> DatasetManifest:
        return write_dataset(
            storage,
            definition,
            shuffled,
            sources=["elsewhere"],
            data_until=data_until,
            clock=utc_now,
        )

    assert write(manifest.data_until) == manifest
    later = write(manifest.data_until + timedelta(seconds=1))
    assert later.sha256 == manifest.sha256
    assert later.dataset_id != manifest.dataset_id


def test_an_altered_data_set_is_refused(bench: Bench) -> None:
    storage, name = bench.context.storage, bench.definition.name
    manifest = bench.dataset(seed=1)
    key = folder_key(name, manifest.dataset_id) + "data.parquet"
    body = storage.get(key)
    assert body is not None
    storage.put(key, body[:-1] + b"!")
    with pytest.raises(EvergreenError, match="altered"):
        load_dataset(storage, name, manifest.dataset_id)
    with pytest.raises(EvergreenError, match="not found"):
        read_manifest(storage, name, "ds-0000000000000000")


class LabelledRows:
    """A lake with rows in memory; other tests cover the real lake."""

    def __init__(self, table: pa.Table) -> None:
        columns = {name: table[name] for name in ("size", "colour", "timestamp")}
        times = table["timestamp"]
        self._table = pa.table(
            {
                **columns,
                "label": table["ripe"],
                "request_id": [f"r{number}" for number in range(table.num_rows)],
                "row": [0] * table.num_rows,
                "observed_at": times,
                "labelled_at": times,
            }
        )

    def labelled(self, _definition: ModelDefinition, start: datetime, end: datetime) -> pa.Table:
        times = self._table["timestamp"].to_pylist()
        return self._table.filter([start <= time < end for time in times])


def test_a_challenger_gets_the_champions_rows_and_is_judged_on_new_ones_only(bench: Bench) -> None:
    storage, definition = bench.context.storage, bench.definition
    champion = bench.train(bench.dataset(seed=1))
    promote(bench.context, definition.name, champion.version, comparison("promote", None))
    pointer = bench.context.production.read(definition.name)
    assert pointer is not None
    fresh_from = START + timedelta(minutes=400)
    lake: Any = LabelledRows(make_rows(2, 100, start=fresh_from))

    manifest = build_dataset(storage, lake, definition, pointer, clock=utc_now)

    table = load_dataset(storage, definition.name, manifest.dataset_id)
    held_out = rows_of(table, HOLDOUT)["timestamp"].to_pylist()
    trained_on = rows_of(table, TRAIN)["timestamp"].to_pylist()
    assert held_out == [fresh_from + timedelta(minutes=row) for row in range(50, 100)]
    # The newest 300 of the champion's 400 rows and the 50 new ones that are not held out.
    assert trained_on == [START + timedelta(minutes=row) for row in range(150, 450)]
    assert manifest.data_until == held_out[-1] + timedelta(microseconds=1)

    few: Any = LabelledRows(make_rows(2, 19, start=fresh_from))
    with pytest.raises(NotEnoughDataError, match=r"19 labelled rows .* 20 are needed"):
        build_dataset(storage, few, definition, pointer, clock=utc_now)


def judged(bench: Bench, challenger: Challenger) -> Bundle:
    """Return the bundle that has not seen its holdout."""
    registered = bench.context.registry.find(bench.definition.name, challenger.version)
    pointer = candidate_pointer(registered, promoted_at=utc_now())
    return load_bundles(bench.context.storage, pointer).judged


def test_after_the_world_has_turned_a_challenger_is_trained_on_the_new_one_and_wins(
    bench: Bench,
) -> None:
    storage = bench.context.storage
    patient = Retraining(training_window_rows=1000, min_training_rows=100)
    definition = bench.definition.model_copy(update={"retraining": patient})
    champion = bench.train(bench.dataset(seed=1))
    promote(bench.context, definition.name, champion.version, comparison("promote", None))
    pointer = bench.context.production.read(definition.name)
    assert pointer is not None
    lake: Any = LabelledRows(make_rows(2, 400, flipped=True, start=START + timedelta(minutes=400)))
    study = partial(study_rows, definition, load_trainer(bench.folder))

    def challenger(study: Any) -> tuple[DatasetManifest, Challenger, float]:
        manifest = build_dataset(storage, lake, definition, pointer, study=study, clock=utc_now)
        trained = bench.train(manifest)
        holdout = rows_of(load_dataset(storage, definition.name, manifest.dataset_id), HOLDOUT)
        return manifest, trained, scores_of(definition, judged(bench, trained), holdout)["f1"]

    everything, _, poor = challenger(None)
    assert (everything.train_rows, everything.window) == (600, None)
    chosen, trained, good = challenger(study)
    assert chosen.window is not None
    assert chosen.window.of == 600
    assert chosen.train_rows == chosen.window.rows <= 300
    assert good > 0.8
    assert poor < 0.5
    run = bench.mlflow.get_run(trained.run_id)
    assert run.data.params["training_window"] == chosen.window.reason


def test_training_leaves_a_run_a_version_and_a_bundle_that_predicts(bench: Bench) -> None:
    manifest = bench.dataset(seed=1)
    challenger = bench.train(manifest)

    run = bench.mlflow.get_run(challenger.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset_id"] == manifest.dataset_id
    assert run.data.params["classifier__C"] == "1.0"
    assert 0.8 < run.data.metrics["holdout_f1"] <= 1
    files = [item.path for item in bench.mlflow.list_artifacts(challenger.run_id, "model")]
    assert "model/model.skops" in files
    assert not [path for path in files if path.endswith(".pkl")]

    registered = bench.context.registry.find(bench.definition.name, challenger.version)
    assert registered.dataset_id == manifest.dataset_id
    pointer = candidate_pointer(registered, promoted_at=utc_now())
    bundle = load_bundle(bench.context.storage, pointer)
    table = load_dataset(bench.context.storage, bench.definition.name, manifest.dataset_id)
    outputs = Predictor(bundle).predict(to_columns(bench.definition, table)).outputs
    assert set(outputs) == {0, 1}
    assert (
        bench.context.registry.with_alias(bench.definition.name, CHALLENGER) == challenger.version
    )


def test_a_training_that_fails_leaves_a_failed_run_and_no_version(bench: Bench) -> None:
    (bench.folder / "training.py").write_text("def train(features, target): raise ValueError('x')")
    with pytest.raises(ValueError, match="x"):
        bench.challenger(seed=1)
    experiment = bench.mlflow.get_experiment_by_name(bench.definition.name)
    assert experiment is not None
    (run,) = bench.mlflow.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert not bench.mlflow.search_registered_models(f"name='{bench.definition.name}'")


def test_a_challenger_that_cannot_be_exported_leaves_no_version(bench: Bench) -> None:
    (bench.folder / "training.py").write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "def train(features, target): return DummyClassifier().fit(features, target)"
    )
    with pytest.raises(BundleError, match="cannot be converted"):
        bench.challenger(seed=1)
    assert not bench.mlflow.search_registered_models(f"name='{bench.definition.name}'")


def test_the_better_model_wins_and_the_same_model_does_not(bench: Bench) -> None:
    old, new = bench.challenger(seed=1), bench.challenger(seed=2, flipped=True)
    manifest = bench.dataset(seed=3, flipped=True)
    table = load_dataset(bench.context.storage, bench.definition.name, manifest.dataset_id)
    holdout = rows_of(table, HOLDOUT)
    better = compare(bench.definition, holdout, champion=old.bundle, challenger=new.bundle)
    assert better.decision == "promote"
    assert better.probability_better == 1.0
    same = compare(bench.definition, holdout, champion=new.bundle, challenger=new.bundle)
    assert same.decision == "reject"
    assert same.probability_better == 0.0
    worse = compare(bench.definition, holdout, champion=new.bundle, challenger=old.bundle)
    assert worse.decision == "reject"


def test_one_execution_at_a_time_holds_the_lock(bench: Bench) -> None:
    storage, running = bench.context.storage, {"arn:1", "arn:2"}

    def take(owner: str) -> None:
        take_lock(storage, "fruit", owner, is_running=running.__contains__, clock=utc_now)

    take("arn:1")
    take("arn:1")
    with pytest.raises(RetrainingInProgressError, match="arn:1"):
        take("arn:2")
    running.remove("arn:1")
    take("arn:2")
    assert storage.get_json(lock_key("fruit"))["owner"] == "arn:2"
    storage.delete(lock_key("fruit"))
    running.add("arn:3")
    take("arn:3")


def test_of_two_that_take_over_a_stale_lock_one_wins(bench: Bench) -> None:
    storage = bench.context.storage
    take_lock(storage, "fruit", "arn:dead", is_running=lambda _: True, clock=utc_now)

    def running(owner: str) -> bool:
        if owner == "arn:dead":  # another takes the lock before our takeover
            take_lock(storage, "fruit", "arn:2", is_running=lambda _: False, clock=utc_now)
            return False
        return True

    with pytest.raises(RetrainingInProgressError, match="arn:2"):
        take_lock(storage, "fruit", "arn:3", is_running=running, clock=utc_now)
    assert storage.get_json(lock_key("fruit"))["owner"] == "arn:2"
