"""Made-up worlds in which it is known whether the inputs have become harder: how often it is said.

In each trial a model is trained, judged on its holdout and fitted again on all rows. Then a quiet
window comes in, with rows of the same kind, and a harder one. Both are estimated as answers of the
judged model, and as answers of the refit, whose holdout answers are those of the judged model.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from evergreen.bundle.sharpness import share_on_new_rows, sharpness_between
from evergreen.drift.detectors.estimated_probabilities import score_of_holdout
from evergreen.drift.detectors.estimation import estimate_performance
from evergreen.evaluation.measure import measure_of
from evergreen.model_definition import Evaluation, Feature, ModelDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor, Future

    from numpy.typing import NDArray

    from evergreen.bundle.sharpness import Sharpness

ALPHA = 0.05 / 3
"""The share of the default alpha that the estimate has in a check."""
SIZES = ((800, 200, 200), (2_000, 500, 500), (8_000, 2_000, 5_000))
"""Rows in training, holdout and window."""
_METRICS = {"classes": ("f1", "roc_auc"), "numbers": ("rmse",)}
_COLUMNS = 5
_ITERATIONS = 50
_HARDER = 0.5  # of two classes, how much rarer a row becomes with its distance from the border


@dataclass(frozen=True, slots=True)
class Told:
    """One estimate: of which window, what was said, and by how much the metric changed.

    ``inside`` says whether the interval had the metric that the ground truth gave.
    """

    metric: str
    rows: tuple[int, int, int]
    refit: bool
    harder: bool
    worse: bool
    change: float
    inside: bool


def tell(pool: Executor, trials: int) -> list[Future[list[Told]]]:
    """Have every trial made: each number of rows, of classes and of numbers, is a task."""
    return [
        pool.submit(trials_of, kind, rows, trials) for rows in reversed(SIZES) for kind in _METRICS
    ]


def trials_of(kind: str, rows: tuple[int, int, int], trials: int) -> list[Told]:
    """Return what is said of every window of some trials."""
    rng = np.random.default_rng(20130101)
    return [told for _ in range(trials) for told in _trial(kind, rows, rng)]


def _trial(kind: str, rows: tuple[int, int, int], rng: np.random.Generator) -> Iterator[Told]:
    draw = _classes if kind == "classes" else _numbers
    training, holdout = (draw(count, rng) for count in rows[:2])
    model: Any = (
        HistGradientBoostingClassifier if kind == "classes" else HistGradientBoostingRegressor
    )
    judged = model(max_iter=_ITERATIONS).fit(*training)
    both = (np.concatenate(sides) for sides in zip(training, holdout, strict=True))
    serving = model(max_iter=_ITERATIONS).fit(*both)
    sharpness = None
    if kind == "classes":
        old, new = (each.predict_proba(training[0]).max(axis=1) for each in (judged, serving))
        unseen = judged.predict_proba(holdout[0]).max(axis=1).mean()
        share = share_on_new_rows(old.mean(), unseen, judged.score(*holdout))
        sharpness = sharpness_between(old, new, 2, share=share)
    for harder in (False, True):
        window = draw(rows[2], rng, harder=harder)
        for refit, serves in ((False, judged), (True, serving)):
            held, told = _answers(judged, *holdout), _answers(serves, *window)
            held = _as_kept(held, refit, sharpness)
            for metric in _METRICS[kind]:
                definition = _definition(kind, metric)
                found = estimate_performance(
                    definition,
                    told.drop(["label"]),
                    held,
                    holdout_features=_named(holdout[0]),
                    window_features=_named(window[0]),
                    alpha=ALPHA,
                    min_rows=30,
                )
                true = _score(definition, told)
                change = true - _score(definition, held)
                assert found.interval_low is not None
                assert found.interval_high is not None
                inside = found.interval_low <= true <= found.interval_high
                yield Told(metric, rows, refit, harder, found.worse, change, inside)


def _definition(kind: str, metric: Any) -> ModelDefinition:
    return ModelDefinition(
        name="m",
        task="classification" if kind == "classes" else "regression",
        target="y",
        features={f"x{place}": Feature(type="float") for place in range(_COLUMNS)},
        evaluation=Evaluation(metric=metric),
    )


def _classes(
    count: int, rng: np.random.Generator, *, harder: bool = False
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return rows of two classes; the harder ones lie nearer to the border between them."""
    x = rng.normal(size=(4 * count, _COLUMNS))
    distance = 2 * x[:, 0] + x[:, 1] * x[:, 2]
    rarity = np.exp(-_HARDER * np.abs(distance)) if harder else np.ones(len(x))
    chosen = rng.choice(len(x), count, replace=False, p=rarity / rarity.sum())
    true = rng.random(count) < 1 / (1 + np.exp(-1.5 * distance[chosen]))
    return x[chosen], true.astype(int)


def _numbers(
    count: int, rng: np.random.Generator, *, harder: bool = False
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return rows with a number; a part of them, larger where it is harder, has larger errors."""
    x = rng.normal(size=(count, _COLUMNS))
    x[:, 0] = rng.random(count) < (0.4 if harder else 0.2)
    noise = rng.normal(size=count) * np.where(x[:, 0] > 0, 2.0, 0.5)
    return x, 2 * x[:, 1] + x[:, 2] * x[:, 3] + noise


def _answers(model: Any, x: NDArray[Any], y: NDArray[Any]) -> pa.Table:
    said = model.predict(x)
    if not hasattr(model, "predict_proba"):
        return pa.table({"label": y, "model_output": said, "confidence": pa.nulls(len(y))})
    sure = model.predict_proba(x).max(axis=1)
    return pa.table({"label": y.astype(str), "model_output": said.astype(str), "confidence": sure})


def _as_kept(holdout: pa.Table, refit: bool, sharpness: Sharpness | None) -> pa.Table:
    about = {"refit": str(refit)}
    if refit and sharpness is not None:
        about["sharpness"] = json.dumps([sharpness.factor, sharpness.classes])
    return holdout.replace_schema_metadata(about)


def _named(x: NDArray[Any]) -> dict[str, NDArray[Any]]:
    return {f"x{place}": column.astype(np.float32) for place, column in enumerate(x.T)}


def _score(definition: ModelDefinition, rows: pa.Table) -> float:
    measure = measure_of(definition)
    if measure.takes_probabilities:
        return score_of_holdout(definition, measure, rows, rows)
    truth, said = (rows[name].to_numpy() for name in ("label", "model_output"))
    return measure.score(truth, said, ["0", "1"] if definition.task == "classification" else ())
