"""Prediction drift: a model's outputs and confidence, tested for drift like its features.

The reference is the predictions of this version on its own holdout, never on its training rows,
because a model is more confident on rows that it has seen. After a refit the holdout's predictions
are those of the judged model. The model that serves has learnt from more rows, so it is surer or
less sure in any case, and its confidence is not tested. Its outputs are tested, but they lie a
little elsewhere in any case, too: a fit of more rows follows chance less. So they count only beside
a feature that has moved. If none has, nor all features jointly, the same rows come in, and what
comes out has moved because another fit answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.datasets.holdout_predictions import is_of_another_fit
from evergreen.model_definition import Feature

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition

MODEL_OUTPUT = "model_output"
CONFIDENCE = "confidence"


_OF_ANOTHER_FIT = (
    "the model that serves has learnt from its holdout, so nothing tells how sure it was"
)


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """Outputs and confidence as features for the tests, or why they cannot be tested."""

    features: dict[str, Feature]
    reference: Columns
    window: Columns
    untestable: dict[str, str]
    of_another_fit: bool = False
    """Whether the reference is of the judged model, and a refit serves."""


def model_outputs_of(
    definition: ModelDefinition, holdout: pa.Table | None, window: pa.Table
) -> ModelOutputs:
    """Return outputs and confidence of both sides.

    Parameters
    ----------
    definition
        The model's.
    holdout
        The predictions of the version in production on its holdout, if they were kept.
    window
        The request log's rows of the window; both with ``model_output`` and ``confidence``.
    """
    classification = definition.task == "classification"
    features = {
        MODEL_OUTPUT: Feature(type="category" if classification else "float"),
        CONFIDENCE: Feature(type="float"),
    }
    untestable = {}
    if holdout is None:
        reason = "what this version answers on its holdout was not kept when it was trained"
        untestable = dict.fromkeys(features, reason)
    elif not holdout.num_rows:
        untestable = dict.fromkeys(features, "no rows were held out when this version was trained")
    elif holdout[CONFIDENCE].null_count == holdout.num_rows:
        untestable = {CONFIDENCE: "the model gives no confidence"}
    elif is_of_another_fit(holdout):
        untestable = {CONFIDENCE: _OF_ANOTHER_FIT}
    testable = [name for name in features if name not in untestable]
    return ModelOutputs(
        features=features,
        reference={} if holdout is None else {name: _column(holdout, name) for name in testable},
        window={name: _column(window, name) for name in testable},
        untestable=untestable,
        of_another_fit=holdout is not None and is_of_another_fit(holdout),
    )


def _column(table: pa.Table, name: str) -> NDArray[Any]:
    values: NDArray[Any] = table[name].to_numpy(zero_copy_only=False)
    if values.dtype == object:
        return values
    # The model gives confidence and numbers as float32, so they are compared as float32 again after
    # JSON. A value beyond the range of float32 is infinite, and is tested as missing.
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
