"""How many rows are waited for follows the rows that the champion learnt from."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evergreen.datasets.manifest import DatasetManifest
from evergreen.datasets.pace import (
    fewest_labelled_rows,
    labelled_rows_needed,
    window_rows_needed,
)
from evergreen.model_definition import Drift, Evaluation, Feature, ModelDefinition

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def definition(evaluation: Evaluation | None = None, drift: Drift | None = None) -> ModelDefinition:
    return ModelDefinition(
        name="m",
        task="regression",
        target="y",
        features={"x": Feature(type="float")},
        evaluation=evaluation or Evaluation(),
        drift=drift or Drift(),
    )


def champion(rows: int) -> DatasetManifest:
    return DatasetManifest(
        dataset_id="ds-1",
        model="m",
        rows=rows,
        train_rows=rows,
        holdout_rows=0,
        sources=(),
        first_timestamp=NOW,
        last_timestamp=NOW,
        data_until=NOW,
        log_from=NOW,
        class_balance=None,
        sha256="0",
        created_at=NOW,
    )


@pytest.mark.parametrize(
    ("rows", "labelled", "window"),
    [
        (1, 100, 30),
        (400, 100, 30),
        (2000, 100, 100),
        (3000, 150, 150),
        (4000, 200, 200),
        (12_345, 617, 200),
        (20_000, 1000, 200),
        (10_000_000, 1000, 200),
    ],
)
def test_a_twentieth_within_bounds(rows: int, labelled: int, window: int) -> None:
    assert labelled_rows_needed(definition(), champion(rows)) == labelled
    assert labelled_rows_needed(definition(), champion(rows), fallen=True) == 40
    assert window_rows_needed(definition(), champion(rows)) == window


@pytest.mark.parametrize("fallen", [False, True])
def test_a_setting_comes_first(fallen: bool) -> None:
    model = definition(Evaluation(min_labelled_rows=77), Drift(min_rows=55))
    assert labelled_rows_needed(model, champion(9000), fallen=fallen) == 77
    assert fewest_labelled_rows(model) == 77
    assert window_rows_needed(model, champion(9000)) == 55
