"""Evaluation of challenger against champion: the same rows, and the bundles that would serve.

The deciding metric is computed from what the two bundles answer for the holdout of the challenger's
data set. The probability that the challenger is better comes from paired bootstrap draws
(:mod:`evergreen.evaluation.bootstrap`), and from what is known beside the holdout
(:mod:`evergreen.evaluation.circumstances`). It must also not be worse in a protected segment
(:mod:`evergreen.evaluation.segments`). :mod:`evergreen.evaluation.decision` turns these numbers
into the decision.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.errors import PredictionError
from evergreen.evaluation.answered import AnsweredRows, answered_rows
from evergreen.evaluation.bootstrap import RESAMPLES
from evergreen.evaluation.circumstances import Circumstances
from evergreen.evaluation.scoring import (
    classes_of,
    ground_truth_of,
    score_predictions,
    why_unscorable,
)
from evergreen.evaluation.side_by_side import EvaluationResult, side_by_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.bundle.content import Bundle
    from evergreen.evaluation.comparison import Comparison
    from evergreen.model_definition import ModelDefinition

FEWEST_COMPARED = 20
"""With fewer rows that both models answer there is nothing to compare."""


def compare(  # noqa: PLR0913 - two models, what each has seen, and the draws
    definition: ModelDefinition,
    holdout: pa.Table,
    *,
    champion: Bundle | None,
    challenger: Bundle,
    serving: Bundle | None = None,
    training: pa.Table | None = None,
    champion_training: pa.Table | None = None,
    champion_holdout: pa.Table | None = None,
    circumstances: Circumstances | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Decide whether the challenger replaces the champion: :func:`evaluate` without the rest."""
    return evaluate(
        definition,
        holdout,
        champion=champion,
        challenger=challenger,
        serving=serving,
        training=training,
        champion_training=champion_training,
        champion_holdout=champion_holdout,
        circumstances=circumstances,
        seed=seed,
        resamples=resamples,
    ).comparison


def evaluate(  # noqa: PLR0913 - two models, what each has seen, and the draws
    definition: ModelDefinition,
    holdout: pa.Table,
    *,
    champion: Bundle | None,
    challenger: Bundle,
    serving: Bundle | None = None,
    training: pa.Table | None = None,
    champion_training: pa.Table | None = None,
    champion_holdout: pa.Table | None = None,
    circumstances: Circumstances | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> EvaluationResult:
    """Decide whether the challenger replaces the champion.

    It does if it is better by more than ``evaluation.min_improvement`` with a probability that
    reaches ``evaluation.confidence``, and no protected segment refuses it. If the champion has
    surely got worse since its promotion, or the world moves for another reason, less is enough
    (:mod:`evergreen.evaluation.decision`). Where nothing is in production, the challenger is
    promoted.

    A champion that cannot predict the holdout, because ``model.toml`` no longer has its features,
    or that knows none of its classes, stays until a person promotes the challenger: callers must
    send or expect something else then. Where one of them has no answer to a row, both are compared
    on the others, and who answers fewer rows has that counted against it
    (:mod:`evergreen.evaluation.answered`).

    Parameters
    ----------
    definition
        Names the metric, the improvement asked for, the confidence and the segments.
    holdout
        The labelled rows both are judged on: the holdout of the challenger's data set; a time
        series' as the data set orders them.
    champion
        The judged bundle of the version that serves now, or None. What serves has seen its own
        holdout, and the challenger's judged bundle has not: so both are compared without it.
    challenger
        The judged bundle of the version that may replace it.
    serving
        The bundle that serves now, where it is another one than ``champion``: the challenger meets
        it if it is surely worse on these rows (:mod:`evergreen.evaluation.champion`).
    training, champion_training
        The rows each was trained on, if known: they tell whether the holdout was among them, and
        the challenger's give a time series' MASE its scale.
    champion_holdout
        What the champion's judged bundle answered on its own holdout, with ``label`` and
        ``model_output``, if that was kept.
    circumstances
        What is known beside the rows; without it the holdout alone decides.
    seed
        Seed of the bootstrap.
    resamples
        Number of bootstrap draws.

    Raises
    ------
    NotEnoughDataError
        If the holdout is empty.
    PredictionError
        If the challenger has no answer to a row, and nothing is in production to compare with.
    """
    run = partial(
        side_by_side,
        definition,
        challenger=challenger,
        serving=serving,
        training=training,
        champion_training=champion_training,
        champion_holdout=champion_holdout,
        seed=seed,
        resamples=resamples,
    )
    known = circumstances or Circumstances()
    try:
        return run(holdout, champion=champion, circumstances=known)
    except PredictionError:
        if champion is None or why_unscorable(definition, champion):
            raise
        found = answered_rows(
            definition, holdout, [champion, *([serving] if serving else [])], challenger
        )
        return _on_what_is_answered(run, holdout, champion, found, known)


def _on_what_is_answered(
    run: Callable[..., EvaluationResult],
    holdout: pa.Table,
    champion: Bundle,
    found: AnsweredRows,
    circumstances: Circumstances,
) -> EvaluationResult:
    """Compare on the rows that both models answer, and count against each what it does not."""
    both = holdout.filter(pa.array(found.both))
    if found.champion_lacks_more and both.num_rows < FEWEST_COMPARED:
        alone = run(
            holdout.filter(pa.array(found.challenger)), champion=None, circumstances=circumstances
        )
        said = {
            "reason": f"{found}, so nothing is left to compare on",
            "champion": champion.version,
        }
        return replace(alone, comparison=alone.comparison.model_copy(update=said))
    if found.champion_lacks_more:
        circumstances = replace(circumstances, moved=str(found))
    compared = run(both, champion=champion, circumstances=circumstances)
    if not found.challenger_lacks_more:
        return compared
    reason = f"{compared.comparison.reason}; {found}, so the champion stays"
    refused = compared.comparison.model_copy(update={"decision": "reject", "reason": reason})
    return replace(compared, comparison=refused)


def scores_of(
    definition: ModelDefinition,
    bundle: Bundle,
    table: pa.Table,
    *,
    training: pa.Table | None = None,
) -> dict[str, float]:
    """Return the deciding metric of one bundle on labelled rows, and the other metrics, by name.

    Raises
    ------
    NotEnoughDataError
        If there is no row.
    PredictionError
        If the bundle has no answer to a row, or one that is no finite number.
    """
    ground_truth = ground_truth_of(definition, table)
    alone = score_predictions(
        definition, bundle, table, ground_truth, classes_of(ground_truth, bundle), training
    )
    return {**alone.beside, definition.metric: alone.metric}
