"""How far back training looks: as far as the world has been the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline

from evergreen.model_definition import ModelDefinition
from evergreen.training import rolling_origins
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.window import choose_window as choose_of_origins

if TYPE_CHECKING:
    import pandas as pd

    from evergreen.datasets.manifest import TrainingWindow

START = datetime(2026, 3, 1, tzinfo=UTC)


def definition(task: str = "regression", **changes: Any) -> ModelDefinition:
    values = {
        "name": "plant",
        "task": task,
        "target": "height",
        "features": {"water": {"type": "float"}},
        "retraining": {"min_training_rows": 100},
        **changes,
    }
    return ModelDefinition.model_validate(values)


def world(count: int, changed: int, *, task: str = "regression", seed: int = 0) -> pa.Table:
    """Return rows of which the newest ``changed`` follow another law than those before."""
    random = np.random.default_rng(seed)
    water = random.normal(size=count)
    sign = np.where(np.arange(count) < count - changed, 1.0, -1.0)
    height = sign * water + random.normal(scale=0.5, size=count)
    target = np.where(height > 0, "tall", "short") if task == "classification" else height
    moments = [START + timedelta(hours=row) for row in range(count)]
    return pa.table(
        {
            "water": water.astype(np.float32),
            "height": target,
            "timestamp": pa.array(moments, pa.timestamp("us", tz="UTC")),
        }
    )


def choose_window(model: ModelDefinition, trainer: Any, rows: pa.Table) -> TrainingWindow:
    return choose_of_origins(RollingOrigins(model, trainer, rows), rows)


class Trainer:
    """A linear model, and a record of what it was given."""

    def __init__(self, *, least: int = 0) -> None:
        self.least = least
        self.seen: list[pd.DataFrame] = []

    def __call__(self, features: pd.DataFrame, target: pd.Series) -> Pipeline:
        self.seen.append(features)
        if len(features) < self.least:
            raise ZeroDivisionError
        kind = LinearRegression if target.dtype == np.float64 else LogisticRegression
        columns = ColumnTransformer([("all", "passthrough", ["water"])])
        return Pipeline([("columns", columns), ("model", kind())]).fit(features, target)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_where_the_world_has_changed_the_rows_before_are_left_out(task: str) -> None:
    chosen = choose_window(definition(task), Trainer(), world(1600, 400, task=task))
    assert (chosen.rows, chosen.of) in {(400, 1600), (200, 1600)}
    assert f"the newest {chosen.rows} of 1600 rows: " in chosen.reason
    assert "better with probability 1.000, which reaches 0.95" in chosen.reason


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_where_nothing_has_changed_all_rows_are_kept(task: str, seed: int) -> None:
    chosen = choose_window(definition(task), Trainer(), world(1600, 0, task=task, seed=seed))
    assert (chosen.rows, chosen.of) == (1600, 1600)
    assert chosen.reason == "all 1600 rows: no shorter window is surely better"


def test_a_window_is_as_sure_to_be_better_as_a_challenger_has_to_be() -> None:
    demanding = definition(evaluation={"min_improvement": 100.0})
    chosen = choose_window(demanding, Trainer(), world(1600, 400))
    assert chosen.rows == 1600


@pytest.mark.parametrize(("least", "rows"), [(800, 800), (801, 1600)])
def test_training_never_looks_at_fewer_rows_than_it_is_asked_to(least: int, rows: int) -> None:
    model = definition(retraining={"min_training_rows": least})
    trainer = Trainer()
    assert choose_window(model, trainer, world(1600, 400)).rows == rows
    # A window that may not be chosen is not trained on either.
    assert {len(seen) for seen in trainer.seen} == (
        set() if rows == 1600 else {1480, 1520, 1560, 800}
    )


def test_what_a_trainer_cannot_fit_is_not_chosen() -> None:
    trainer = Trainer(least=300)
    assert choose_window(definition(), trainer, world(1600, 400)).rows == 400
    nothing = choose_window(definition(), Trainer(least=2000), world(1600, 400))
    assert nothing.rows == 1600
    assert "no model of them could be made" in nothing.reason


def test_one_class_among_the_newest_rows_is_no_window() -> None:
    rows = world(1600, 0, task="classification")
    height = rows["height"].to_numpy().copy()
    height[-700:] = "tall"
    rows = rows.set_column(1, "height", pa.array(height))
    assert choose_window(definition("classification"), Trainer(), rows).rows in {800, 1600}


def test_neither_judged_rows_nor_what_a_forecast_could_not_know_are_learnt_from() -> None:
    series = definition("time_series", forecast={"horizon": 7, "seasonal_naive": "water"})
    rows = world(1600, 400)
    trainer = Trainer()
    assert choose_window(series, trainer, rows).rows in {200, 400}
    water = rows["water"].to_numpy()
    assert len(trainer.seen) == 12
    starts = (1600 - 120, 1600 - 80, 1600 - 40)
    wanted = [
        # The blocks have 40 rows; the horizon of 7 keeps the 6 rows before each apart.
        water[start - 6 - kept if kept else 0 : start - 6]
        for kept in (0, 800, 400, 200)
        for start in starts
    ]
    for given, learnt in zip(trainer.seen, wanted, strict=True):
        np.testing.assert_array_equal(given["water"], learnt)


def test_a_window_of_less_than_a_year_must_win_at_every_origin() -> None:
    # In the newest of three blocks of 40 rows the older law holds again. On all three together a
    # short window is better all the same.
    water, height = (world(1600, 400)[name].to_numpy().copy() for name in ("water", "height"))
    height[-40:] = 0.5 * water[-40:]

    def chosen(every: timedelta, heights: Any) -> int:
        times = [START + row * every for row in range(1600)]
        stamps = pa.array(times, pa.timestamp("us", tz="UTC"))
        rows = pa.table({"water": water, "height": heights, "timestamp": stamps})
        return choose_window(definition(), Trainer(), rows).rows

    within_a_year, over_two_years = timedelta(hours=5), timedelta(hours=10)
    assert chosen(within_a_year, height) < 1600
    assert chosen(over_two_years, height) == 1600
    assert chosen(over_two_years, world(1600, 400)["height"]) < 1600


def test_of_very_many_rows_some_of_all_times_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rolling_origins, "ROLLING_ORIGIN_ROW_CAP", 2000)
    trainer = Trainer()
    chosen = choose_window(definition(), trainer, world(8001, 2000))
    assert (chosen.rows, chosen.of) in {(2000, 8001), (1000, 8001)}
    assert max(map(len, trainer.seen)) < 2000


def test_of_very_many_rows_of_several_series_all_series_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rolling_origins, "ROLLING_ORIGIN_ROW_CAP", 2000)
    features = {"water": {"type": "float"}, "field": {"type": "category"}}
    forecast = {"horizon": 1, "seasonal_naive": "water", "series": "field"}
    trainer, rows = Trainer(), world(4000, 1000)
    fields = rows.append_column("field", pa.array(["north", "south"] * 2000))
    choose_window(definition("time_series", features=features, forecast=forecast), trainer, fields)
    # Every other row would be of one field only.
    counts = trainer.seen[0]["field"].value_counts().to_dict()
    assert abs(counts["north"] - counts["south"]) <= 1
