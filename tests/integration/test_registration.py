"""Registration of a finished run: if it is killed anywhere, the next call finishes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.bundle.store import load_bundle
from evergreen.clock import utc_now
from evergreen.datasets.store import load_dataset
from evergreen.errors import BundleError, NotEnoughDataError, RegistryError
from evergreen.registry.registration import register_challenger
from evergreen.registry.writer import CHALLENGER, Registry
from evergreen.release.promotion import candidate_pointer, promote
from evergreen.release.rollback import roll_back
from evergreen.training.train import find_trained, train
from tests.support.killed import Killed
from tests.support.retraining_bench import TRAINING, Bench, Interrupted, interrupt

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.registry.registration import Challenger
    from evergreen.release.context import ReleaseContext
    from evergreen.training.train import TrainedRun
    from local.stack import Stack

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

TOML = """\
name = "{name}"
task = "classification"
target = "ripe"
[features]
size = {{ type = "float" }}
colour = {{ type = "category", nullable = true }}
[evaluation]
min_labelled_rows = 20
"""


def trained(
    bench: Bench, manifest: DatasetManifest, registry: Registry | None = None
) -> TrainedRun:
    table = load_dataset(bench.context.storage, bench.definition.name, manifest.dataset_id)
    return train(
        bench.definition,
        bench.folder,
        manifest,
        table,
        registry=registry or bench.context.registry,
        clock=utc_now,
    )


def registered(bench: Bench, run: TrainedRun, context: ReleaseContext | None = None) -> Challenger:
    context = context or bench.context
    return register_challenger(
        bench.definition.name,
        run.run_id,
        run.dataset_id,
        storage=context.storage,
        registry=context.registry,
        clock=utc_now,
    )


def versions(bench: Bench) -> list[Any]:
    return list(bench.mlflow.search_model_versions(f"name='{bench.definition.name}'"))


def found(bench: Bench, manifest: DatasetManifest) -> TrainedRun | None:
    return find_trained(
        bench.definition, bench.folder, manifest.dataset_id, registry=bench.context.registry
    )


TRAINING_STEPS = [
    ("create_run", True),
    ("log_artifacts", True),
    ("set_terminated", False),
]


@pytest.mark.parametrize(("method", "after"), TRAINING_STEPS)
def test_a_training_killed_midway_leaves_no_version_and_is_not_taken_for_finished(
    bench: Bench, method: str, after: bool
) -> None:
    manifest = bench.dataset(seed=1)
    client: Any = Interrupted(bench.mlflow, method, after=after)
    with pytest.raises(Killed):
        trained(bench, manifest, Registry(client))
    assert versions(bench) == []
    assert found(bench, manifest) is None


def test_what_was_trained_is_found_by_data_set_and_code(bench: Bench) -> None:
    manifest, other = bench.dataset(seed=1), bench.dataset(seed=2)
    run = trained(bench, manifest)
    assert found(bench, manifest) == run
    assert found(bench, other) is None
    (bench.folder / "training.py").write_text(TRAINING + "\n# changed\n")
    assert found(bench, manifest) is None


REGISTRATION_STEPS = [
    ("mlflow", "download_artifacts", True, 1),
    ("mlflow", "create_registered_model", True, 1),
    ("mlflow", "create_model_version", False, 1),
    ("mlflow", "create_model_version", True, 1),
    ("mlflow", "set_registered_model_alias", True, 1),
    ("storage", "put", True, 1),
    ("storage", "put", True, 2),
    ("storage", "put", True, 3),
    ("mlflow", "set_model_version_tag", True, 1),
    ("mlflow", "set_model_version_tag", True, 2),
]


def test_a_registration_killed_at_any_step_is_finished_by_the_next(bench: Bench) -> None:
    name, registry, storage = bench.definition.name, bench.context.registry, bench.context.storage
    run = trained(bench, bench.dataset(seed=1))
    for part, method, after, call in REGISTRATION_STEPS:
        with pytest.raises(Killed):
            registered(bench, run, interrupt(bench, part, method, after=after, call=call))
        challenger = registered(bench, run)
        assert [item.version for item in versions(bench)] == [challenger.version] == ["1"]
        assert registry.with_alias(name, CHALLENGER) == "1"
        version = registry.find(name, "1")
        assert (version.run_id, version.dataset_id) == (run.run_id, run.dataset_id)
        pointer = candidate_pointer(version, promoted_at=utc_now())
        assert load_bundle(storage, pointer) == challenger.bundle
        assert registered(bench, run) == challenger
        # The next step begins as this one did: with a finished run and no version of it.
        bench.mlflow.delete_registered_model(name)
        storage.delete_below(f"bundles/{name}/")


def test_a_run_whose_version_was_put_aside_becomes_a_new_one(bench: Bench) -> None:
    run = trained(bench, bench.dataset(seed=1))
    first = registered(bench, run)
    bench.context.registry.archive(bench.definition.name, first.version, "lost", utc_now())
    assert registered(bench, run).version == "2"


def test_files_that_are_not_those_of_the_training_are_refused(bench: Bench, tmp_path: Path) -> None:
    run = trained(bench, bench.dataset(seed=1))
    altered = tmp_path / "altered"
    altered.mkdir()
    (altered / "model.onnx").write_bytes(b"something else")
    bench.context.registry.upload(run.run_id, altered, "bundle")
    with pytest.raises(BundleError, match="not those that training stored"):
        registered(bench, run)
    assert versions(bench) == []


def test_a_run_without_a_bundle_is_refused(bench: Bench) -> None:
    run_id = bench.context.registry.start_run(bench.definition.name, "a run", {})
    with pytest.raises(RegistryError, match="the run has no bundle"):
        register_challenger(
            bench.definition.name,
            run_id,
            "ds-1",
            storage=bench.context.storage,
            registry=bench.context.registry,
            clock=utc_now,
        )


class Container:
    """The container of a training job: a process with the folder that SageMaker mounts."""

    def __init__(self, stack: Stack, bench: Bench, folder: Path) -> None:
        self.folder = folder
        (bench.folder / "model.toml").write_text(TOML.format(name=bench.definition.name))
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "AWS_ENDPOINT_URL": stack.endpoint_url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "EVERGREEN_BUCKET": bench.context.storage.bucket,
            "EVERGREEN_MODELS": str(bench.folder.parent),
            "MLFLOW_TRACKING_URI": stack.mlflow_uri,
            "POWERTOOLS_SERVICE_NAME": "train",
        }

    def run(self, **asked: str) -> int:
        config = self.folder / "input/config"
        config.mkdir(parents=True)
        (config / "hyperparameters.json").write_text(json.dumps(asked))
        command = [sys.executable, "-m", "functions.train.container", "--folder", str(self.folder)]
        done = subprocess.run(
            command, env=self._environment, timeout=240, check=False, capture_output=True
        )
        return done.returncode


def test_the_containers_entry_point_trains_what_can_be_registered(
    local_stack: Stack, bench: Bench, tmp_path: Path
) -> None:
    manifest = bench.dataset(seed=1)
    container = Container(local_stack, bench, tmp_path / "ml")
    assert container.run(model=bench.definition.name, dataset_id=manifest.dataset_id) == 0
    told = json.loads((container.folder / "model/run.json").read_text())
    run = found(bench, manifest)
    assert run is not None
    assert told == {"run_id": run.run_id, "dataset_id": manifest.dataset_id}
    assert not (container.folder / "output/failure").exists()
    assert registered(bench, run).version == "1"


def test_the_containers_entry_point_says_why_it_failed(
    local_stack: Stack, bench: Bench, tmp_path: Path
) -> None:
    container = Container(local_stack, bench, tmp_path / "ml")
    assert container.run(model=bench.definition.name, dataset_id="ds-0000000000000000") == 1
    failure = (container.folder / "output/failure").read_text()
    assert failure.startswith("EvergreenError: s3://")
    assert "data set not found" in failure.splitlines()[0]
    assert "Traceback" in failure
    assert not (container.folder / "model/run.json").exists()


def test_a_model_that_was_decided_on_is_no_challenger_again(bench: Bench) -> None:
    model = bench.definition.name
    for seed in (1, 2):
        run = trained(bench, bench.dataset(seed=seed))
        promote(bench.context, model, registered(bench, run).version, None, reason="by hand")
    roll_back(bench.context, model, "it was worse")
    with pytest.raises(NotEnoughDataError, match=r"there are no new rows since version 2"):
        registered(bench, run)
    assert len(versions(bench)) == 2
