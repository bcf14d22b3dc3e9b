"""The refit: what serves is the judged recipe, fitted again on all rows, the holdout included.

The judged model has not seen its holdout, so its metric there is honest. But the holdout has the
newest rows, which tell most about the present. So the same recipe (the same code, the same first
row) is fitted once more on training rows and holdout together, and that model serves.

Nobody can judge the second model: it has seen all rows. It is checked against the first one on the
holdout, by what a fit that has seen these rows can differ from one that has not:

- A fit that learnt the holdout by heart gives the ground truth. It lies as far from the judged
  model as the ground truth does. So a refit that lies further away has learnt something else. This
  holds for outputs, and for the probabilities of the classes.
- A fit that makes the loss on training rows and holdout small cannot lose on the holdout against
  one that made only the loss on the training rows small. So a refit that does worse there is
  broken.

Both count only if they are sure (``evaluation.confidence``, paired bootstrap). If one is, the
judged model serves, and the reason says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evergreen.bundle.content import VersionBundles
from evergreen.bundle.predictor import Predictor
from evergreen.bundle.sharpness import share_on_new_rows, sharpness_between
from evergreen.datasets.schema import to_columns
from evergreen.datasets.splitting import HOLDOUT, TRAIN, rows_of, with_split, without_older
from evergreen.datasets.steps import rows_per_step
from evergreen.evaluation.bootstrap import resample_numbers
from evergreen.evaluation.evaluate import evaluate
from evergreen.evaluation.metrics import block_length
from evergreen.training.onnx_export import export_bundle
from evergreen.training.trainer import fit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from evergreen.bundle.content import Bundle
    from evergreen.bundle.predictor import Predictions
    from evergreen.bundle.sharpness import Sharpness
    from evergreen.evaluation.side_by_side import EvaluationResult
    from evergreen.model_definition import ModelDefinition
    from evergreen.training.trainer import Trainer

_log = logging.getLogger(__name__)
_MOST_SHARED = 5_000  # rows that tell how much surer the refit is


@dataclass(frozen=True, slots=True)
class Fitted:
    """A recipe's two fits: the bundles of both, and the estimator of the one that serves."""

    bundles: VersionBundles
    estimator: BaseEstimator


def fit_bundles(
    definition: ModelDefinition, trainer: Trainer, table: pa.Table, version: str
) -> Fitted:
    """Fit a recipe on the training rows, and once more on all rows; choose what serves.

    Parameters
    ----------
    definition
        The model; ``evaluation.refit`` says whether there is a second fit.
    trainer
        Fits the model.
    table
        The data set: training rows and holdout.
    version
        The version that the bundles get.

    Raises
    ------
    ModelDefinitionError, NotEnoughDataError, BundleError
        From the fit on the training rows. If the second fit fails, the first one serves.
    """
    estimator, judged = _fit(definition, trainer, table, version)
    held_out = rows_of(table, HOLDOUT)
    if not definition.evaluation.refit or not held_out.num_rows:
        return Fitted(VersionBundles(judged, judged), estimator)
    everything = without_older(table)
    everything = with_split(everything, pa.repeat(pa.scalar(value=False), everything.num_rows))
    try:
        again, refit = _fit(definition, trainer, everything, version)
        doubt = why_not(definition, held_out, judged=judged, refit=refit)
    except Exception as error:  # noqa: BLE001 - whatever a trainer raises
        _log.warning("the fit on all rows failed", exc_info=True)
        doubt = f"the fit on all rows failed ({type(error).__name__}: {error})"
    if doubt:
        serves = f"the judged model serves, because {doubt}"
        return Fitted(VersionBundles(judged, judged, serves), estimator)
    serves = f"the same recipe fitted on all {everything.num_rows} rows serves"
    return Fitted(VersionBundles(refit, judged, serves), again)


def why_not(
    definition: ModelDefinition, holdout: pa.Table, *, judged: Bundle, refit: Bundle
) -> str | None:
    """Return why a refit must not serve for the judged model, or None if it may.

    Parameters
    ----------
    definition
        Names the metric and the confidence.
    holdout
        At least one row, which the refit has seen and the judged model has not.
    judged, refit
        Both fits.
    """
    found = evaluate(definition, holdout, champion=judged, challenger=refit)
    if found.champion is None or found.improvements is None:
        return "the two fits cannot be compared"
    sure = definition.evaluation.confidence
    old, new = found.champion.metric, found.challenger.metric
    if np.mean(found.improvements < 0) >= sure:
        return (
            f"the fit on all rows does worse on the holdout, which it has seen "
            f"({definition.metric} {new:.4g} against {old:.4g})"
        )
    for name, own, apart in _distances(found):
        block = block_length(definition, own.size, rows_per_step(definition, holdout))
        drawn = resample_numbers(np.zeros(own.size), own, apart, block=block)
        if np.mean(drawn[1] > drawn[0]) >= sure:
            return (
                f"the {name} of both fits differ on the holdout by {_rms(apart):.4g}, more than "
                f"the judged model's own error there, {_rms(own):.4g}"
            )
    return None


def sharpness_of_refit(
    definition: ModelDefinition, bundles: VersionBundles, table: pa.Table, held_out: Predictions
) -> Sharpness | None:
    """Return how much surer the refit is than the judged model, on new rows.

    Parameters
    ----------
    definition
        The model.
    bundles
        Both fits.
    table
        The data set. Of the training rows, oldest first, the newest are taken.
    held_out
        What the judged model says of the holdout.

    Returns
    -------
    Sharpness | None
        None if there is no refit, or the model gives no probabilities.
    """
    if not bundles.is_refit or held_out.confidences is None:
        return None
    training = rows_of(table, TRAIN)
    newest = to_columns(definition, training.slice(max(training.num_rows - _MOST_SHARED, 0)))
    judged, refit = (Predictor(each).predict(newest) for each in (bundles.judged, bundles.serving))
    if judged.confidences is None or refit.confidences is None:
        return None
    truth = rows_of(table, HOLDOUT)[definition.target].to_pylist()
    right = [str(said) == known for said, known in zip(held_out.outputs, truth, strict=True)]
    old, new = (np.array(each, np.float64) for each in (judged.confidences, refit.confidences))
    share = share_on_new_rows(
        float(old.mean()), float(np.mean(held_out.confidences)), float(np.mean(right))
    )
    return sharpness_between(old, new, len(judged.classes), share=share)


def with_label_range(bundle: Bundle, labels: pa.ChunkedArray) -> Bundle:
    """Note in a bundle which labels it was trained on, where they are numbers."""
    if bundle.signature.task == "classification":
        return bundle
    span = pc.min_max(labels).as_py()
    found = (float(span["min"]), float(span["max"]))
    signature = bundle.signature.model_copy(update={"label_range": found})
    return replace(bundle, signature=signature)


def _fit(
    definition: ModelDefinition, trainer: Trainer, table: pa.Table, version: str
) -> tuple[BaseEstimator, Bundle]:
    estimator = fit(definition, trainer, table)
    rows = rows_of(table, TRAIN)
    bundle = export_bundle(estimator, definition, to_columns(definition, rows), version)
    return estimator, with_label_range(bundle, rows[definition.target])


def _distances(
    found: EvaluationResult,
) -> list[tuple[str, NDArray[np.float64], NDArray[np.float64]]]:
    """Return by name, for each row: how far the judged model is from the truth, and from the refit.

    A label is 1 from any other label. Probabilities are as far apart as points in space.
    """
    truth, judged, refit = found.ground_truth, found.champion, found.challenger
    assert judged is not None
    if found.definition.task != "classification":
        own, apart = np.abs(truth - judged.outputs), np.abs(refit.outputs - judged.outputs)
        return [("outputs", own, apart)]
    own, apart = ((side != judged.outputs).astype(np.float64) for side in (truth, refit.outputs))
    labels = [("outputs", own, apart)]
    if judged.probabilities is None or refit.probabilities is None:
        return labels
    classes = sorted({*truth, *judged.classes, *refit.classes})
    known = (truth[:, np.newaxis] == np.array(classes, dtype=object)).astype(np.float64)
    old, new = (_spread(side.probabilities, side.classes, classes) for side in (judged, refit))
    return [
        *labels,
        ("probabilities", _norm(known - old), _norm(new - old)),
    ]


def _spread(
    probabilities: NDArray[np.float64] | None, known: Sequence[str], classes: Sequence[str]
) -> NDArray[np.float64]:
    """Return probabilities in the order of ``classes``, zero for those that a model lacks."""
    assert probabilities is not None
    spread = np.zeros((len(probabilities), len(classes)))
    spread[:, [classes.index(name) for name in known]] = probabilities
    return spread


def _norm(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.sqrt((vectors**2).sum(axis=1)))


def _rms(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(values**2)))
