"""What of a model's outputs counts as drift, where another fit of the recipe is the reference."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evergreen.bundle.predictor import Predictions
from evergreen.datasets.holdout_predictions import to_holdout_file
from evergreen.drift.detectors.outputs_alone import beside_features
from evergreen.drift.detectors.univariate import UnivariateResult
from evergreen.drift.model_outputs import MODEL_OUTPUT, model_outputs_of
from evergreen.model_definition import Feature, ModelDefinition, RequestLog
from tests.support.drift_checks import features, jointly

if TYPE_CHECKING:
    from evergreen.drift.model_outputs import ModelOutputs

DEFINITION = ModelDefinition(
    name="height",
    task="regression",
    target="height",
    features={name: Feature(type="float") for name in ("a", "b", "c")},
)
REDACTED = DEFINITION.model_copy(update={"request_log": RequestLog(redact=("a",))})


def outputs(*, refit: bool) -> ModelOutputs:
    """Return the outputs of a version; another fit may have answered its holdout."""
    rows = pa.table(
        {"timestamp": [datetime(2026, 1, 1, tzinfo=UTC)], "height": pa.array([1.0])},
    )
    answers = Predictions(outputs=[1.0], confidences=None)
    kept = pa.BufferReader(to_holdout_file(DEFINITION, rows, answers, refit=refit))
    return model_outputs_of(DEFINITION, pq.read_table(kept), pa.table({MODEL_OUTPUT: [2.0]}))


def with_outputs(*drifted: str) -> UnivariateResult:
    """Return the tests of the features and of the outputs; those named have drifted."""
    found = features(*drifted).tests
    own = (
        features("a")
        .tests[0]
        .model_copy(update={"feature_name": MODEL_OUTPUT, "drifted": MODEL_OUTPUT in drifted})
    )
    return UnivariateResult((*found, own), None)


@pytest.mark.parametrize(
    ("drifted", "together", "refit", "definition", "counts"),
    [
        ((MODEL_OUTPUT,), False, True, DEFINITION, False),
        ((MODEL_OUTPUT,), True, True, DEFINITION, True),
        ((MODEL_OUTPUT, "b"), False, True, DEFINITION, True),
        ((MODEL_OUTPUT,), False, False, DEFINITION, True),
        ((MODEL_OUTPUT,), False, True, REDACTED, True),
    ],
    ids=["alone", "jointly", "beside-b", "own-fit", "redacted"],
)
def test_outputs_of_another_fit_count_beside_a_feature_that_has_moved(
    drifted: tuple[str, ...], together: bool, refit: bool, definition: ModelDefinition, counts: bool
) -> None:
    tests = with_outputs(*drifted)
    found = beside_features(definition, outputs(refit=refit), tests, jointly(drifted=together))
    assert (MODEL_OUTPUT in found.drifted_features) is counts
    if counts:
        assert found is tests
    else:
        own = found.tests[-1]
        assert (
            own.reason == "no feature has moved, and the reference is of another fit of the recipe"
        )
        assert found.tests[:-1] == tests.tests[:-1]
