"""How many rows are waited for follows the rows that the champion learnt from."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evergreen.datasets.manifest import AgeEffect, Aging, DatasetManifest
from evergreen.datasets.pace import (
    aged_rows_needed,
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


def champion(rows: int, aging: Aging | None = None) -> DatasetManifest:
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
        aging=aging,
    )


def effect(rows: int, probability: float) -> AgeEffect:
    return AgeEffect(
        rows=rows,
        origins=6,
        share_worse=1.0,
        loss=1.0,
        error=0.5,
        probability_worse=probability,
    )


@pytest.mark.parametrize(
    ("rows", "fallen", "drifted", "grown", "window"),
    [
        (1, 40, 100, 40, 30),
        (400, 40, 100, 200, 30),
        (2000, 100, 200, 1000, 100),
        (12_345, 617, 1234, 6172, 200),
        (200_000, 10_000, 20_000, 100_000, 200),
    ],
)
def test_each_ground_waits_for_its_part_of_what_was_learnt_from(
    rows: int, fallen: int, drifted: int, grown: int, window: int
) -> None:
    needed = labelled_rows_needed(definition(), champion(rows))
    assert {ground: each.rows for ground, each in needed.items()} == {
        "data_drift": drifted,
        "performance": fallen,
        "estimated_performance": fallen,
        "new_rows": grown,
    }
    assert window_rows_needed(definition(), champion(rows)) == window


def test_the_reasons_say_where_the_numbers_come_from() -> None:
    few, many = (labelled_rows_needed(definition(), champion(rows)) for rows in (10, 2000))
    assert few["performance"].why == "with fewer than 40 little can be seen"
    assert few["new_rows"].why == "with fewer nothing can be compared"
    assert many["performance"].why == "a twentieth of the champion's 2000"
    assert many["data_drift"].why == "a tenth of the champion's 2000"
    assert many["new_rows"].why == "half of the champion's 2000"


def test_where_models_age_new_rows_wait_until_newer_ones_pay() -> None:
    found = []
    for probability in (0.94, 0.95):
        aging = Aging(effects=(effect(50, 0.5), effect(100, probability)))
        found.append(aged_rows_needed(definition(), champion(2000, aging)))
    # Three quarters of them: a short month must not cost a whole period.
    assert found == [None, (75, "newer models of such rows are better after 100")]
    assert aged_rows_needed(definition(), champion(2000)) is None
    moving = Aging(effects=(effect(100, 1.0),), newer_alone=effect(100, 1.0))
    needed = aged_rows_needed(definition(), champion(2000, moving))
    assert needed == (75, "models of as many but newer rows are better after 100")


def test_a_setting_comes_first() -> None:
    model = definition(Evaluation(min_labelled_rows=77), Drift(min_rows=55))
    as_set = (77, "as min_labelled_rows says")
    needed = labelled_rows_needed(model, champion(9000))
    assert needed["data_drift"] == needed["performance"] == as_set
    assert needed["new_rows"].rows == 4500
    assert labelled_rows_needed(model, champion(100))["new_rows"] == as_set
    assert aged_rows_needed(model, champion(100, Aging(effects=(effect(40, 1.0),)))) == as_set
    assert fewest_labelled_rows(model) == 77
    assert window_rows_needed(model, champion(9000)) == 55
