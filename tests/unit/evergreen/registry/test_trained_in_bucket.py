"""A model is trained, registered, promoted and found again with no tracking server anywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import mlflow.pyfunc
import pytest

from evergreen.bundle.store import load_bundles
from evergreen.clock import utc_now
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.errors import NotEnoughDataError
from evergreen.events import Events
from evergreen.model_definition import Evaluation, Feature, ModelDefinition
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.registration import register_challenger
from evergreen.registry.writer import CHAMPION, MODEL_ARTIFACT, Registry
from evergreen.release.context import ReleaseContext
from evergreen.release.promotion import promote
from evergreen.training.train import find_trained, train
from tests.support.release_bench import BUS, comparison
from tests.support.retraining_bench import START, TRAINING, make_rows

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.aws_in_process import Account

pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")
DEFINITION = ModelDefinition(
    name="fruit",
    task="classification",
    target="ripe",
    features={"size": Feature(type="float"), "colour": Feature(type="category", nullable=True)},
    evaluation=Evaluation(min_labelled_rows=20),
)


def test_from_rows_to_production_in_the_data_bucket(
    aws: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")  # nothing may ask it
    (tmp_path / "training.py").write_text(TRAINING)
    storage, name = aws.storage(), DEFINITION.name
    registry = Registry(BucketTracking(storage, utc_now))
    until = START + timedelta(minutes=200)
    rows = split_rows(DEFINITION, make_rows(1, 200))
    manifest = write_dataset(
        storage, DEFINITION, rows, sources=["made up"], data_until=until, clock=utc_now
    )
    table = load_dataset(storage, name, manifest.dataset_id)
    run = train(DEFINITION, tmp_path, manifest, table, registry=registry, clock=utc_now)
    assert find_trained(DEFINITION, tmp_path, manifest.dataset_id, registry=registry) == run
    [noted] = storage.get_json(f"registry/{name}/runs/{run.run_id}/run.json")["inputs"]
    assert noted["dataset"]["digest"] == manifest.dataset_id
    assert noted["tags"] == {"mlflow.data.context": "training"}
    model = mlflow.pyfunc.load_model(str(registry.download(run.run_id, MODEL_ARTIFACT, tmp_path)))
    assert model.metadata.signature.inputs.input_names() == ["size", "colour"]

    def register() -> str:
        made = register_challenger(
            name, run.run_id, run.dataset_id, storage=storage, registry=registry, clock=utc_now
        )
        return made.version

    assert [register(), register()] == ["1", "1"]
    aws.client("events").create_event_bus(Name=BUS)
    context = ReleaseContext(
        storage=storage,
        production=aws.production(),
        registry=registry,
        events=Events(BUS, aws.client("events")),
        clock=utc_now,
    )
    promote(context, name, "1", comparison())
    pointer = context.production.read(name)
    assert pointer is not None
    bundles = load_bundles(storage, pointer)
    assert (bundles.serving.version, bundles.judged.version) == ("1", "1")
    assert bundles.serving != bundles.judged
    assert bundles.serves == "the same recipe fitted on all 200 rows serves"
    assert registry.notes(run.run_id)["serves"] == bundles.serves
    assert registry.with_alias(name, CHAMPION) == "1"
    assert registry.in_stage(name) == ["1"]
    with pytest.raises(NotEnoughDataError, match="no new rows"):
        register()
