"""Champion against challenger: the same rows, the bundles that would serve, and the evidence.

The deciding metric is computed from what the two bundles answer for the holdout of the
challenger's data set. How sure we are that the challenger is better is estimated with a paired
bootstrap (B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, 1993, chapters 13 and
16): rows are drawn with replacement, both models are scored on each draw, and the share of draws
in which the challenger is better is counted. Forecasts of a time series are no independent draws:
neighbours share most of what happened. There whole blocks of consecutive rows are drawn, the moving
block bootstrap (H. Künsch, "The jackknife and the bootstrap for general stationary observations",
*Annals of Statistics* 17, 1989).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from evergreen.dataset import to_columns
from evergreen.errors import BundleError, NotEnoughDataError
from evergreen.prediction import Predictor
from evergreen.scores import classification_scores, number_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.bundle import Bundle
    from evergreen.model_definition import ModelDefinition
    from evergreen.requests import Columns

RESAMPLES = 1000
_DRAWS_AT_ONCE = 4_000_000
"""Row numbers held in memory at once while resampling: 32 MB."""


class Comparison(BaseModel):
    """Which of two models won, and on what evidence."""

    model_config = ConfigDict(frozen=True)

    decision: Literal["promote", "reject"]
    metric: Literal["f1", "rmse"]
    metric_champion: float | None
    """None where nothing was in production to compare with."""
    metric_challenger: float
    probability_better: float | None
    """Share of the resamples in which the challenger is better by more than is asked for."""
    interval: tuple[float, float] | None
    """Central percentile interval of the improvement, at the definition's confidence."""
    rows: int
    reason: str
    beside_champion: dict[str, float] = {}
    """Metrics that do not decide, by name: see :mod:`evergreen.scores`."""
    beside_challenger: dict[str, float] = {}


def f1_score(
    truth: NDArray[np.object_], predicted: NDArray[np.object_], classes: Sequence[str]
) -> float:
    """Return the F1 score of class labels.

    With up to two classes it is the F1 of the positive class, the last one in sorted order (as
    scikit-learn counts: ``1`` of ``0, 1``, ``yes`` of ``no, yes``); with more it is the unweighted
    mean of the F1 of each. A class that is neither true nor predicted anywhere scores 0.

    Parameters
    ----------
    truth, predicted
        n labels each, as text.
    classes
        Every class there is, whether or not it occurs in these rows.
    """
    cells, counts = np.unique(np.stack([truth, predicted]).astype(str), axis=1, return_counts=True)
    return float(_f1_of_counts(cells[0], cells[1], counts[np.newaxis], classes)[0])


def rmse(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> float:
    """Return the root of the mean squared error, in the unit of the target (n values each)."""
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


def resample_f1(
    truth: NDArray[np.object_],
    champion: NDArray[np.object_],
    challenger: NDArray[np.object_],
    classes: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return by how much the challenger's F1 is above the champion's in each resample.

    F1 only depends on how often each triple (truth, champion, challenger) occurs, and drawing n
    rows with replacement draws these counts from a multinomial distribution. Drawing the counts
    directly is therefore the same bootstrap, in time and memory that do not grow with n.

    Parameters
    ----------
    truth, champion, challenger
        n labels each, as text.
    classes
        Every class there is.
    seed
        Seed of the draws.
    resamples
        Number of draws.
    """
    triples = np.stack([truth, champion, challenger]).astype(str)
    cells, counts = np.unique(triples, axis=1, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(truth.size, counts / truth.size, resamples)
    return _f1_of_counts(cells[0], cells[2], draws, classes) - _f1_of_counts(
        cells[0], cells[1], draws, classes
    )


def resample_rmse(
    truth: NDArray[np.float64],
    champion: NDArray[np.float64],
    challenger: NDArray[np.float64],
    *,
    block: int = 1,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> NDArray[np.float64]:
    """Return by how much the challenger's RMSE is below the champion's in each resample.

    Parameters
    ----------
    truth, champion, challenger
        n values each, in the unit of the target; in time order where ``block`` is over 1.
    block
        How many consecutive rows are drawn together; 1 draws each row on its own.
    seed
        Seed of the draws.
    resamples
        Number of draws.
    """
    random = np.random.default_rng(seed)
    squares = np.stack([(truth - champion) ** 2, (truth - challenger) ** 2])
    at_once = max(_DRAWS_AT_ONCE // truth.size, 1)
    blocks = math.ceil(truth.size / block)
    improvements = []
    for first in range(0, resamples, at_once):
        count = min(at_once, resamples - first)
        starts = random.integers(truth.size - block + 1, size=(count, blocks, 1))
        rows = (starts + np.arange(block)).reshape(count, -1)[:, : truth.size]
        errors = np.sqrt([model[rows].mean(axis=1) for model in squares])
        improvements.append(errors[0] - errors[1])
    return np.concatenate(improvements)


def block_length(definition: ModelDefinition, rows: int) -> int:
    """Return how many consecutive rows the bootstrap draws together.

    One where rows are independent. For a time series at least the horizon, as the errors of
    forecasts that many steps ahead overlap (F. Diebold and R. Mariano, "Comparing predictive
    accuracy", *Journal of Business & Economic Statistics* 13, 1995), and the cube root of the
    number of rows (P. Hall, J. Horowitz and B.-Y. Jing, "On blocking rules for the bootstrap with
    dependent data", *Biometrika* 82, 1995); at most half of the rows.
    """
    if definition.forecast is None:
        return 1
    wanted = max(definition.forecast.horizon, math.ceil(math.cbrt(rows)))
    return max(min(wanted, rows // 2), 1)


def compare(
    definition: ModelDefinition,
    holdout: pa.Table,
    *,
    champion: Bundle | None,
    challenger: Bundle,
    training: pa.Table | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Decide whether the challenger replaces the champion.

    It does if the share of resamples in which it is better by more than
    ``evaluation.min_improvement`` reaches ``evaluation.confidence``; a tie keeps the champion.
    Where nothing is in production, the challenger is promoted.

    Parameters
    ----------
    definition
        Names the metric, the improvement asked for and the confidence.
    holdout
        The labelled rows both are judged on: the holdout of the challenger's data set; a time
        series' as the data set orders them.
    champion
        What serves now, or None.
    challenger
        What might.
    training
        The rows the challenger was trained on, which give a time series' MASE its scale.
    seed
        Seed of the bootstrap.
    resamples
        Number of bootstrap draws.

    Raises
    ------
    NotEnoughDataError
        If the holdout is empty.
    BundleError
        If a bundle's answers are not finite numbers where numbers are asked for.
    """
    if not holdout.num_rows:
        raise NotEnoughDataError("the holdout has no rows to compare on", where=definition.name)
    truth = np.array(holdout[definition.target].to_pylist(), dtype=object)
    columns = to_columns(definition, holdout)
    predictors = [Predictor(bundle) for bundle in (challenger, champion) if bundle is not None]
    answers = [_answers(definition, predictor, columns) for predictor in predictors]
    classes: list[str] = []
    if definition.metric == "f1":
        known = [set(predictor.signature.classes or ()) for predictor in predictors]
        classes = sorted(set(truth).union(*map(set, answers), *known))
        metrics = [f1_score(truth, predicted, classes) for predicted in answers]
        beside = [_class_scores(predictor, truth, columns) for predictor in predictors]
    else:
        truth = truth.astype(np.float64)
        metrics = [rmse(truth, predicted) for predicted in answers]
        beside = [
            number_scores(definition, truth, predicted, holdout, training) for predicted in answers
        ]
    if champion is None:
        return Comparison(
            decision="promote",
            metric=definition.metric,
            metric_champion=None,
            metric_challenger=metrics[0],
            probability_better=None,
            interval=None,
            rows=holdout.num_rows,
            reason="nothing was in production to compare with",
            beside_challenger=beside[0],
        )
    if definition.metric == "f1":
        improvements = resample_f1(
            truth, answers[1], answers[0], classes, seed=seed, resamples=resamples
        )
    else:
        improvements = resample_rmse(
            truth,
            answers[1],
            answers[0],
            block=block_length(definition, truth.size),
            seed=seed,
            resamples=resamples,
        )
    judged = judge(definition, metrics[1], metrics[0], improvements, rows=holdout.num_rows)
    return judged.model_copy(update={"beside_champion": beside[1], "beside_challenger": beside[0]})


def scores_of(
    definition: ModelDefinition,
    bundle: Bundle,
    table: pa.Table,
    *,
    training: pa.Table | None = None,
) -> dict[str, float]:
    """Return the deciding metric of one bundle on labelled rows, and those beside it, by name.

    Raises
    ------
    NotEnoughDataError
        If there is no row.
    BundleError
        If the bundle's answers are not finite numbers where numbers are asked for.
    """
    alone = compare(definition, table, champion=None, challenger=bundle, training=training)
    return {definition.metric: alone.metric_challenger, **alone.beside_challenger}


def judge(
    definition: ModelDefinition,
    metric_champion: float,
    metric_challenger: float,
    improvements: NDArray[np.float64],
    *,
    rows: int,
) -> Comparison:
    """Turn both metrics and the resampled improvements into a decision with its reason.

    Parameters
    ----------
    definition
        Names the metric, the improvement asked for and the confidence.
    metric_champion, metric_challenger
        The metric of each on all rows.
    improvements
        By how much the challenger is better in each resample; positive is better.
    rows
        How many rows both were scored on.
    """
    rule = definition.evaluation
    probability = float(np.mean(improvements > rule.min_improvement))
    tail = (1 - rule.confidence) / 2
    low, high = np.quantile(improvements, [tail, 1 - tail])
    promote = probability >= rule.confidence
    margin = f" by more than {rule.min_improvement:g}" if rule.min_improvement else ""
    return Comparison(
        decision="promote" if promote else "reject",
        metric=definition.metric,
        metric_champion=metric_champion,
        metric_challenger=metric_challenger,
        probability_better=probability,
        interval=(float(low), float(high)),
        rows=rows,
        reason=(
            f"{definition.metric} {metric_challenger:.4g} against {metric_champion:.4g} on {rows} "
            f"held-out rows: better{margin} with probability {probability:.3f}, "
            f"{'which reaches' if promote else 'short of'} {rule.confidence:g}"
        ),
    )


def _answers(definition: ModelDefinition, predictor: Predictor, columns: Columns) -> NDArray[Any]:
    outputs = predictor.predict(columns).outputs
    if definition.metric == "f1":
        return np.array([str(label) for label in outputs], dtype=object)
    numbers = np.array(outputs, dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise BundleError("answers that are not finite numbers", where=definition.name)
    return numbers


def _class_scores(
    predictor: Predictor, truth: NDArray[np.object_], columns: Columns
) -> dict[str, float]:
    probabilities = predictor.probabilities(columns)
    if probabilities is None:
        return {}
    return classification_scores(truth, probabilities, predictor.signature.classes or ())


def _f1_of_counts(
    true: NDArray[np.str_],
    predicted: NDArray[np.str_],
    counts: NDArray[np.int64],
    classes: Sequence[str],
) -> NDArray[np.float64]:
    """Return the F1 of each row of ``counts`` [draws, cells], the cells being label pairs."""
    scored = sorted(classes) if len(classes) > 2 else sorted(classes)[-1:]
    scores = []
    for name in scored:
        hits = counts @ ((true == name) & (predicted == name))
        mentions = counts @ (true == name) + counts @ (predicted == name)
        scores.append(2 * hits / np.maximum(mentions, 1))
    return np.mean(scores, axis=0)
