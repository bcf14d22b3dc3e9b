"""What the challenger meets: the champion's judged model, or what serves where that has failed.

A version is judged by a model that did not learn its holdout, and serves one that did. A challenger
meets the judged one, so that neither has seen the newest rows. But the second fit can go wrong in a
way that shows only on rows that come later. Then a champion that is judged well answers badly, and
a challenger that meets its judged model could not replace it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from evergreen.datasets.steps import rows_per_step
from evergreen.evaluation.bootstrap import resample
from evergreen.evaluation.decision import fall_level
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.metrics import block_length
from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.evaluation.scoring import ScoredPredictions
    from evergreen.model_definition import ModelDefinition


def improvements_over(
    definition: ModelDefinition,
    holdout: pa.Table,
    ground_truth: NDArray[Any],
    sides: tuple[ScoredPredictions, ScoredPredictions],
    classes: list[str],
    *,
    seed: int,
    resamples: int,
) -> NDArray[np.float64]:
    """Return by how much the second of two models is better in each draw of the paired bootstrap.

    Parameters
    ----------
    definition
        Names the metric.
    holdout, ground_truth
        n labelled rows, and their outcomes.
    sides
        What each model answered to them.
    classes
        All classes; none for numbers.
    seed, resamples
        Seed and number of the draws.
    """
    measure = measure_of(definition)
    old, new = resample(
        measure,
        measure.truth(ground_truth, classes),
        sides[0].measured,
        sides[1].measured,
        classes,
        block=block_length(definition, len(ground_truth), rows_per_step(definition, holdout)),
        seed=seed,
        resamples=resamples,
    )
    improvements: NDArray[np.float64] = new - old if measure.more_is_better else old - new
    return improvements


def why_serving_counts(
    definition: ModelDefinition,
    served: ScoredPredictions,
    judged: ScoredPredictions,
    improvements: NDArray[np.float64],
) -> str | None:
    """Return why a challenger meets what serves, in words; None if it meets the judged model.

    Parameters
    ----------
    definition
        Its ``evaluation.confidence`` says how sure it must be: as sure as that a champion has got
        worse (:func:`evergreen.evaluation.decision.fall_level`).
    served, judged
        What the champion's two models answered to rows that neither has learnt.
    improvements
        By how much the judged one is better in each draw.
    """
    if float(np.mean(improvements > 0)) < 1 - fall_level(definition):
        return None
    return (
        f"what serves is surely worse than the model it was judged by ({definition.metric} "
        f"{served.metric:.4g} against {judged.metric:.4g}), so the challenger meets what serves"
    )


def answers_of(
    definition: ModelDefinition,
    holdout: pa.Table,
    ground_truth: NDArray[Any],
    champion: ScoredPredictions,
) -> pa.Table:
    """Return the champion's answers as its kept holdout has them."""
    kind = pa.string() if definition.task == "classification" else pa.float64()
    sides = {"label": ground_truth, "model_output": champion.outputs}
    found = {name: pa.array(values.tolist(), kind) for name, values in sides.items()}
    found |= {name: holdout[name] for name in definition.step_features}
    if champion.confidences is not None:
        found["confidence"] = pa.array(champion.confidences)
    if champion.shares is not None:
        found[PROBABILITIES] = pa.array(map(json.dumps, champion.shares), pa.string())
    return pa.table(found)
