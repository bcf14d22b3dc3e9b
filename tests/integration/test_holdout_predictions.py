"""The predictions on the holdout are stored beside the bundle of their version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import delete_bundle, load_bundles
from evergreen.clock import utc_now
from evergreen.datasets.holdout_predictions import read_holdout_predictions
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, rows_of
from evergreen.datasets.store import load_dataset
from evergreen.release.promotion import candidate_pointer

if TYPE_CHECKING:
    from tests.support.retraining_bench import Bench

# MLflow warns about its own type hints while it is being imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def test_a_version_has_its_answers_on_rows_it_was_never_trained_on(bench: Bench) -> None:
    storage, definition = bench.context.storage, bench.definition
    manifest = bench.dataset(seed=11)
    challenger = bench.train(manifest)
    answers = read_holdout_predictions(storage, definition.name, challenger.version)
    assert answers is not None
    rows = rows_of(load_dataset(storage, definition.name, manifest.dataset_id), HOLDOUT)
    assert answers["label"].to_pylist() == rows[definition.target].to_pylist()
    assert answers["timestamp"].to_pylist() == rows["timestamp"].to_pylist()
    registered = bench.context.registry.find(definition.name, challenger.version)
    bundles = load_bundles(storage, candidate_pointer(registered, promoted_at=utc_now()))
    assert bundles.serving == challenger.bundle != bundles.judged
    said = Predictor(bundles.judged).predict(to_columns(definition, rows))
    assert answers["model_output"].to_pylist() == [str(label) for label in said.outputs]
    assert answers["confidence"].to_pylist() == said.confidences
    delete_bundle(storage, definition.name, challenger.version)
    assert read_holdout_predictions(storage, definition.name, challenger.version) is None
