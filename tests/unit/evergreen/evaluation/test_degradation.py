"""Surely worse is worse by more than chance explains, also in a few rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from evergreen.evaluation.degradation import has_surely_fallen
from evergreen.model_definition import Feature, ModelDefinition

DEFINITION = ModelDefinition(
    name="m", task="classification", target="y", features={"x": Feature(type="float")}
)


def answers(rows: int, wrong: float, seed: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    label = rng.choice(["0", "1"], rows)
    other = np.where(label == "0", "1", "0")
    return pa.table(
        {"label": label, "model_output": np.where(rng.random(rows) < wrong, other, label)}
    )


@pytest.mark.parametrize("rows", [20, 200])
def test_a_large_loss_is_sure_in_a_few_rows(rows: int) -> None:
    found = has_surely_fallen(DEFINITION, answers(rows, 0.8, 1), answers(300, 0.1, 2), alpha=0.005)
    assert found is not None
    assert found.newer < found.older
    assert found.p_value <= 0.005


def test_no_loss_is_none() -> None:
    assert (
        has_surely_fallen(DEFINITION, answers(200, 0.1, 1), answers(300, 0.1, 2), alpha=0.05)
        is None
    )


@pytest.mark.parametrize("older", [None, answers(300, 0.1, 2).slice(0, 0)], ids=["none", "empty"])
def test_without_older_rows_nothing_is_sure(older: pa.Table | None) -> None:
    assert has_surely_fallen(DEFINITION, answers(200, 0.8, 1), older, alpha=0.05) is None
