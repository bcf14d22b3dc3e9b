"""Weights halve with age, and a model that asks for them must take them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.errors import ModelDefinitionError
from evergreen.model_definition import ModelDefinition
from evergreen.training.recency import recency_weights
from evergreen.training.trainer import fit

# MLflow warns about its own type hints while it is being imported.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

NEWEST = datetime(2026, 3, 1, tzinfo=UTC)


def definition(half_life: str | None = "60 days") -> ModelDefinition:
    return ModelDefinition.model_validate(
        {
            "name": "fruit",
            "task": "regression",
            "target": "weight",
            "features": {"size": {"type": "float"}},
            "retraining": {"recency_half_life": half_life},
        }
    )


def aged(days: list[float]) -> pa.Table:
    count = len(days)
    return pa.table(
        {
            "size": pa.array(range(count), pa.float64()),
            "weight": pa.array([1.0] * count),
            "timestamp": pa.array(
                [NEWEST - timedelta(days=age) for age in days], pa.timestamp("us", tz="UTC")
            ),
            "split": ["train"] * count,
        }
    )


def test_a_row_one_half_life_older_counts_half() -> None:
    weights = recency_weights(definition(), aged([0, 60, 120, 0]))
    assert weights is not None
    assert weights / weights[0] == pytest.approx([1, 0.5, 0.25, 1])
    assert weights.mean() == pytest.approx(1)


@given(st.lists(st.floats(0, 9000), min_size=1, max_size=30))
def test_the_mean_weight_is_one_and_newer_never_counts_less(days: list[float]) -> None:
    weights = recency_weights(definition("1 day"), aged(days))
    assert weights is not None
    assert weights.mean() == pytest.approx(1)
    assert (np.diff(weights[np.argsort(days)]) <= 0).all()


def test_without_a_half_life_nothing_is_weighed() -> None:
    assert recency_weights(definition(None), aged([0, 9])) is None


def test_the_trainer_gets_the_weights_only_where_they_are_asked_for() -> None:
    seen = []

    def train(features: Any, target: Any, sample_weight: Any = None) -> Any:
        seen.append(sample_weight)

    fit(definition(), train, aged([60, 0]))
    fit(definition(None), train, aged([60, 0]))
    assert seen[0] == pytest.approx([2 / 3, 4 / 3])
    assert seen[1] is None


def test_a_trainer_that_takes_no_weights_is_named_with_the_fix() -> None:
    def train(features: Any, target: Any) -> Any:
        raise AssertionError("must not get here")

    with pytest.raises(ModelDefinitionError, match=r"takes no sample_weight.*Write train\("):
        fit(definition(), train, aged([0, 1]))
