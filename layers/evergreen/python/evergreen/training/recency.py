"""Recency weights: newer rows count more in training, if the model definition asks for it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import numpy as np

from evergreen.datasets.schema import TIMESTAMP
from evergreen.errors import ModelDefinitionError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

WEIGHTS = "sample_weight"


def recency_weights(definition: ModelDefinition, rows: pa.Table) -> NDArray[np.float64] | None:
    """Return the weight of each row in training, or None if all rows count the same.

    A row that is ``retraining.recency_half_life`` older than another has half its weight. The mean
    weight is 1, so the balance between the data and, for example, a penalty on the coefficients
    does not change.

    Parameters
    ----------
    definition
        The model's.
    rows
        n > 0 rows with their ``timestamp``.
    """
    half_life = definition.retraining.recency_half_life
    if half_life is None:
        return None
    times = rows[TIMESTAMP].to_numpy()
    ages = (times.max() - times) / np.timedelta64(half_life)
    weights = np.exp2(-ages)
    return np.asarray(weights / weights.mean())


def require_weights_taken(definition: ModelDefinition, trainer: Callable[..., object]) -> None:
    """Check that ``train`` takes weights if the model definition asks for them.

    Raises
    ------
    ModelDefinitionError
        If it does not.
    """
    if definition.retraining.recency_half_life is None:
        return
    parameters = inspect.signature(trainer).parameters
    if WEIGHTS in parameters or any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()
    ):
        return
    raise ModelDefinitionError(
        f"retraining.recency_half_life is set, but train() takes no {WEIGHTS}",
        where=f"{definition.name}/training.py",
        fix=f"Write train(features, target, {WEIGHTS}), or take recency_half_life out.",
    )
