"""How fast a model ages, and when a retraining pays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression

from evergreen.datasets.manifest import AgeEffect, Aging
from evergreen.model_definition import ModelDefinition
from evergreen.training import rolling_origins
from evergreen.training.aging import measure_aging
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.row_study import study_rows

START = datetime(2026, 3, 1, tzinfo=UTC)


def definition(**changes: Any) -> ModelDefinition:
    values = {
        "name": "plant",
        "task": "regression",
        "target": "height",
        "features": {"water": {"type": "float"}},
        **changes,
    }
    return ModelDefinition.model_validate(values)


def rows_of(count: int, *, trend: float, seed: int = 0) -> pa.Table:
    """Return plants of which each is taller than the one before by ``trend`` on average."""
    random = np.random.default_rng(seed)
    water = random.normal(size=count)
    height = water + trend * np.arange(count) + random.normal(scale=0.5, size=count)
    moments = [START + timedelta(hours=row) for row in range(count)]
    return pa.table(
        {
            "water": water.astype(np.float32),
            "height": height,
            "timestamp": pa.array(moments, pa.timestamp("us", tz="UTC")),
        }
    )


def newest_mean(features: Any, target: Any) -> DummyRegressor:
    """Fit what answers the mean of the newest 40 rows: it is right for as long as nothing moves."""
    return DummyRegressor().fit(features[-40:], target[-40:])


def linear(features: Any, target: Any) -> LinearRegression:
    return LinearRegression().fit(features, target)


def better_with_more(features: Any, target: Any) -> DummyRegressor:
    """Fit what is nearer to the truth, which is zero, the more rows it learns from."""
    return DummyRegressor(strategy="constant", constant=1000 / len(target)).fit(features, target)


def test_where_the_world_moves_on_newer_rows_pay_at_once() -> None:
    aging = measure_aging(RollingOrigins(definition(), newest_mean, rows_of(800, trend=0.05)))
    assert [effect.rows for effect in aging.effects] == [40, 80, 160]
    assert [effect.origins for effect in aging.effects] == [7, 6, 4]
    assert aging.pays_after == 40
    losses = [effect.loss for effect in aging.effects]
    assert losses == sorted(losses)
    assert all(effect.share_worse == 1 for effect in aging.effects)


def test_a_world_moves_where_newer_rows_pay_and_not_only_more_of_them() -> None:
    moving = measure_aging(RollingOrigins(definition(), newest_mean, rows_of(800, trend=0.05)))
    assert moving.newer_alone is not None
    assert (moving.newer_alone.rows, moving.newer_alone.origins) == (40, 7)
    assert moving.world_moves
    growing = measure_aging(RollingOrigins(definition(), better_with_more, rows_of(800, trend=0)))
    assert growing.pays_after is not None
    assert growing.newer_alone is not None
    assert (growing.newer_alone.rows, growing.newer_alone.loss) == (growing.pays_after, 0)
    assert not growing.world_moves


def test_what_is_newer_learns_from_as_many_rows() -> None:
    learnt: list[list[float]] = []

    def noting(features: Any, target: Any) -> DummyRegressor:
        learnt.append(features["water"].tolist())
        return newest_mean(features, target)

    rows = rows_of(800, trend=0.05)
    place = pa.array(np.arange(800, dtype=np.float32))
    measure_aging(RollingOrigins(definition(), noting, rows.set_column(0, "water", place)))
    # Models before each of eight blocks of 40 rows, and seven that lack 40 random ones.
    fresh, newer = learnt[:8], learnt[8:]
    assert sorted(map(len, fresh)) == [480 + 40 * block for block in range(8)]
    assert sorted(map(len, newer)) == [480 + 40 * block for block in range(7)]
    for each in newer:
        assert each == sorted(each)
        assert max(each) >= len(each)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_where_nothing_moves_newer_rows_do_not_pay(seed: int) -> None:
    origins = RollingOrigins(definition(), linear, rows_of(1600, trend=0, seed=seed))
    assert measure_aging(origins).pays_after is None


def test_of_few_rows_nothing_is_said() -> None:
    assert measure_aging(RollingOrigins(definition(), linear, rows_of(200, trend=1))).effects == ()
    assert measure_aging(RollingOrigins(definition(), linear, rows_of(90, trend=1))).effects == ()


def test_a_recipe_that_takes_too_long_is_studied_at_fewer_origins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = rows_of(800, trend=0.05)
    monkeypatch.setattr(rolling_origins, "SECONDS_TO_FIT", -1)
    study = study_rows(definition(), newest_mean, rows)
    assert study.aging.effects == ()
    assert study.window is not None
    assert study.window.rows == 800


def test_a_metric_that_some_draws_do_not_have_says_nothing() -> None:
    rows = rows_of(800, trend=0.05)
    seldom = np.where(np.arange(800) == 790, "tall", np.where(np.arange(800) < 20, "tall", "short"))
    rows = rows.set_column(1, "height", pa.array(seldom))
    classes = definition(task="classification", evaluation={"metric": "roc_auc"})

    class Chance:
        classes_ = np.array(["short", "tall"])

        def predict(self, features: Any) -> Any:
            return np.full(len(features), "short")

        def predict_proba(self, features: Any) -> Any:
            return np.tile([0.9, 0.1], (len(features), 1))

    trainer: Any = lambda features, target: Chance()  # noqa: E731 - a recipe in one line
    for effect in measure_aging(RollingOrigins(classes, trainer, rows)).effects:
        assert np.isfinite([effect.loss, effect.error]).all()


def test_what_is_known_of_the_rows_goes_into_the_manifest() -> None:
    study = study_rows(definition(), newest_mean, rows_of(800, trend=0.05))
    assert study.window is not None
    assert study.window.of == 800
    assert Aging.model_validate_json(study.aging.model_dump_json()) == study.aging


def effect(rows: int, **changes: float) -> AgeEffect:
    values = {"origins": 5, "share_worse": 1.0, "loss": 1.0, "error": 0.1, "probability_worse": 1.0}
    return AgeEffect.model_validate({"rows": rows, **values, **changes})


def test_a_retraining_pays_after_the_youngest_age_that_is_surely_and_often_worse() -> None:
    doubtful, chance = effect(40, probability_worse=0.94), effect(80, share_worse=0.4)
    sure = effect(160, probability_worse=0.95)
    assert Aging(effects=(doubtful, chance, sure)).pays_after == 160
    assert Aging(effects=(doubtful, chance)).pays_after is None


def test_beyond_doubt_the_youngest_age_that_is_probably_worse_counts() -> None:
    probably, doubtful = effect(40, probability_worse=0.8), effect(40, probability_worse=0.79)
    for age, sure in ((80, 0.98), (160, 0.98)):
        assert Aging(effects=(probably, effect(age, probability_worse=sure))).pays_after == age
    beyond_doubt = effect(160, probability_worse=0.99)
    assert Aging(effects=(probably, effect(80), beyond_doubt)).pays_after == 40
    assert Aging(effects=(probably, effect(80), beyond_doubt)).is_fast
    assert Aging(effects=(doubtful, effect(80), beyond_doubt)).pays_after == 80
    # Where a few bad stretches make the loss, that age is worse at few origins.
    seldom = effect(40, share_worse=0.4)
    assert Aging(effects=(seldom, effect(80))).pays_after == 40


def test_a_model_ages_fast_where_it_is_worse_after_the_rows_of_one_check() -> None:
    doubtful, seldom = effect(40, probability_worse=0.94), effect(40, share_worse=0.4)
    for youngest in (doubtful, seldom):
        assert not Aging(effects=(youngest, effect(80, probability_worse=0.98))).is_fast
    assert Aging(effects=(effect(40, probability_worse=0.95, share_worse=0.5),)).is_fast
    assert not Aging(effects=()).is_fast


@pytest.mark.parametrize(
    ("every", "rows"), [("3 days", 72), ("1 hour", 40), ("30 days", 100)], ids=str
)
def test_a_block_has_the_rows_of_a_check_within_bounds(every: str, rows: int) -> None:
    schedules = [{"every": every, "window": every}]
    wanted = definition(drift={"schedules": schedules})
    origins = RollingOrigins(wanted, newest_mean, rows_of(800, trend=0.05))
    assert origins.block_rows == rows
    assert measure_aging(origins).effects[0].rows == rows


def test_the_newest_periods_say_how_many_rows_a_check_brings() -> None:
    # A row an hour for a month, and before that one a day.
    slow = [START + timedelta(days=day) for day in range(400)]
    fast = [slow[-1] + timedelta(hours=hour) for hour in range(1, 721)]
    moments = pa.array([*slow, *fast], pa.timestamp("us", tz="UTC"))
    rows = rows_of(len(moments), trend=0).set_column(2, "timestamp", moments)
    weekly = definition(drift={"schedules": [{"every": "4 days", "window": "4 days"}]})
    assert RollingOrigins(weekly, linear, rows).block_rows == 96


def test_a_world_moves_beyond_doubt_and_at_half_of_the_origins() -> None:
    for newer_alone, moves in (
        (effect(40, probability_worse=0.99, share_worse=0.5), True),
        (effect(40, probability_worse=0.989), False),
        (effect(40, share_worse=0.4), False),
        (None, False),
    ):
        assert Aging(effects=(effect(40),), newer_alone=newer_alone).world_moves == moves


def test_the_nearest_age_is_nearest_in_proportion() -> None:
    aging = Aging(effects=(effect(40), effect(80), effect(160)))
    nearest = {rows: found.rows for rows in (0, 20, 55, 58, 1000) if (found := aging.at(rows))}
    assert nearest == {0: 40, 20: 40, 55: 40, 58: 80, 1000: 160}
    assert Aging(effects=()).at(100) is None


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6))
def test_one_piece_of_evidence_counts_four_standard_errors_at_most(
    loss: float, error: float
) -> None:
    assert -4 <= effect(40, loss=loss, error=error).standardized <= 4
