"""How often a challenger is promoted in a world in which nothing moves, and whether it is better.

``python -m tests.benchmarks.evaluation.quiet_worlds`` writes the table of docs/promotion.md. The
recipes are really fitted, and their aging is really measured. A champion learns all rows that there
are. The retraining is one that somebody starts: when its data set says that newer rows pay, else
after 400 new rows. It holds out half of the new rows. On 20,000 more rows it shows which model is
truly better. Some minutes on two cores.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from evergreen.datasets.manifest import DatasetManifest
from evergreen.datasets.splitting import with_split
from evergreen.evaluation.bootstrap import resample_numbers
from evergreen.evaluation.circumstances import circumstances_of
from evergreen.evaluation.decision import fall_level, judge
from evergreen.evaluation.degradation import has_surely_fallen
from evergreen.evaluation.metrics import rmse
from evergreen.model_definition import Feature, ModelDefinition
from evergreen.training.aging import measure_aging
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.trainer import fit, to_features
from tests.benchmarks.evaluation.promotion import PAGE
from tests.benchmarks.loop.tables import table

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARKS = "<!-- quiet -->", "<!-- /quiet -->"
FEATURES, MOST_NEW, TRUTH_ROWS = 4, 400, 20_000
START = datetime(2026, 3, 1, tzinfo=UTC)
DEFINITION = ModelDefinition(
    name="m",
    task="regression",
    target="y",
    features={f"x{number}": Feature(type="float") for number in range(FEATURES)},
)


def linear(features: Any, target: Any) -> LinearRegression:
    """Fit what has learnt all it can from few rows."""
    return LinearRegression().fit(features, target)


def boosted(features: Any, target: Any) -> HistGradientBoostingRegressor:
    """Fit what is better with more rows."""
    return HistGradientBoostingRegressor(max_iter=60).fit(features, target)


@dataclass(frozen=True)
class Recipe:
    """A recipe, the rows that its champion has, and in how many worlds it is tried."""

    name: str
    rows: int
    worlds: int


RECIPES = (
    Recipe("linear", 800, 400),
    Recipe("linear", 3200, 200),
    Recipe("boosted", 800, 100),
)
TRAINERS = {"linear": linear, "boosted": boosted}


@dataclass(frozen=True)
class Retraining:
    """What came of one retraining."""

    moves: bool
    promoted: bool
    by_confidence: bool
    """Whether it would be promoted if the world were known to be quiet."""
    gain: float
    """What the challenger truly saves of the champion's RMSE, as a share."""


def rows_of_world(count: int, seed: int) -> pa.Table:
    """Return rows of a world that stays as it is."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, FEATURES)).astype(np.float32)
    signal = x[:, 0] + 0.5 * x[:, 1] + 0.5 * np.sin(2 * x[:, 2])
    moments = [START + timedelta(hours=row) for row in range(count)]
    rows = pa.table(
        {
            **{f"x{number}": x[:, number] for number in range(FEATURES)},
            "y": signal + random.normal(size=count),
            "timestamp": pa.array(moments, pa.timestamp("us", tz="UTC")),
        }
    )
    return with_split(rows, pa.repeat(pa.scalar(value=False), count))


def retrained(recipe: Recipe, seed: int) -> Retraining:
    """Train a champion and then a challenger in one world, and judge them."""
    trainer = TRAINERS[recipe.name]
    known = rows_of_world(recipe.rows + MOST_NEW, seed)

    def answered(model: Any, rows: pa.Table) -> NDArray[np.float64]:
        found: NDArray[np.float64] = model.predict(to_features(DEFINITION, rows))
        return found

    def manifest(rows: int, new: int) -> DatasetManifest:
        aging = measure_aging(RollingOrigins(DEFINITION, trainer, known.slice(0, rows)))
        return DatasetManifest(
            dataset_id=f"ds-{rows}",
            model=DEFINITION.name,
            rows=rows,
            train_rows=rows,
            holdout_rows=0,
            sources=("made up",),
            first_timestamp=START,
            last_timestamp=START,
            data_until=START,
            log_from=START,
            class_balance=None,
            aging=aging,
            new_train_rows=new,
            sha256="",
            created_at=START,
        )

    with threadpool_limits(1):
        old = manifest(recipe.rows, 0)
        pays_after = old.aging.pays_after if old.aging else None
        new = min(pays_after or MOST_NEW, MOST_NEW)
        learnt = recipe.rows + new // 2
        circumstances = circumstances_of(manifest(learnt, new // 2), old)
        champion, challenger = (
            fit(DEFINITION, trainer, known.slice(0, rows)) for rows in (recipe.rows, learnt)
        )
        holdout, before, later = (
            known.slice(learnt, new - new // 2),
            rows_of_world(new // 2, 10_000 + seed),
            rows_of_world(TRUTH_ROWS, 20_000 + seed),
        )
        sides = [
            pa.table({"label": rows["y"], "model_output": answered(champion, rows)})
            for rows in (holdout, before)
        ]
        truth, target = (rows["y"].to_numpy() for rows in (holdout, later))
        answers = [answered(model, holdout) for model in (champion, challenger)]
        errors = [rmse(target, answered(model, later)) for model in (champion, challenger)]
    gains = -np.diff(resample_numbers(truth, *answers), axis=0)[0]
    fall = has_surely_fallen(DEFINITION, *sides, alpha=fall_level(DEFINITION))
    found = judge(
        DEFINITION,
        rmse(truth, answers[0]),
        rmse(truth, answers[1]),
        gains,
        rows=holdout.num_rows,
        fall=fall,
        circumstances=circumstances,
    )
    assert found.probability_better is not None
    return Retraining(
        moves=circumstances.moved is not None,
        promoted=found.decision == "promote",
        by_confidence=found.probability_better >= DEFINITION.evaluation.confidence,
        gain=1 - errors[1] / errors[0],
    )


def line_of(recipe: Recipe) -> list[str]:
    """Return the recipe's line of the table."""
    with ProcessPoolExecutor() as pool:
        found = list(pool.map(partial(retrained, recipe), range(recipe.worlds)))

    def share(seen: list[bool]) -> str:
        mean = float(np.mean(seen))
        return f"{mean:.1%} ± {np.sqrt(mean * (1 - mean) / len(seen)):.1%}"

    return [
        recipe.name,
        f"{recipe.rows:,}",
        str(recipe.worlds),
        share([each.moves for each in found]),
        share([each.by_confidence for each in found]),
        share([each.by_confidence and each.gain < 0 for each in found]),
        share([each.promoted for each in found]),
        share([each.promoted and each.gain < 0 for each in found]),
        f"{np.mean([each.gain for each in found if each.promoted]):+.2%}",
    ]


def main() -> None:
    """Simulate, and write the page's table."""
    head = ["recipe", "rows", "worlds", "newer rows are said to pay", "promoted by 0.95"]
    head += ["and truly worse", "promoted by the rule", "and truly worse", "mean gain of these"]
    found = table(head, [line_of(recipe) for recipe in RECIPES])
    page = PAGE.read_text(encoding="utf-8")
    before, after = page.split(MARKS[0])[0], page.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n{found}\n{MARKS[1]}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
