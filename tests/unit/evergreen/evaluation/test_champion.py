"""Which of the champion's two models a challenger meets."""

from __future__ import annotations

import numpy as np
import pytest

from evergreen.evaluation.champion import answers_of, improvements_over, why_serving_counts
from evergreen.evaluation.evaluate import evaluate
from evergreen.evaluation.scoring import score_predictions
from tests.support.trained_models import signal
from tests.unit.evergreen.evaluation.test_evaluate import (
    CLASSIFICATION,
    EARLY,
    REGRESSION,
    classifier,
    kinds,
    regressor,
    table,
)

GOOD, FAIR, BAD = (
    regressor(version, alpha) for version, alpha in (("1", 1.0), ("2", 1e3), ("3", 1e6))
)


@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_a_challenger_meets_what_serves_where_that_has_failed(confidence: float) -> None:
    rule = REGRESSION.evaluation.model_copy(update={"confidence": confidence})
    definition = REGRESSION.model_copy(update={"evaluation": rule})
    rows = table(signal())
    judged_alone = evaluate(definition, rows, champion=GOOD, challenger=FAIR, resamples=400)
    assert judged_alone.comparison.decision == "reject"
    failed = evaluate(definition, rows, champion=GOOD, serving=BAD, challenger=FAIR, resamples=400)
    assert failed.comparison.decision == "promote"
    assert failed.champion is not None
    served = failed.champion.metric
    assert failed.comparison.metric_champion == served
    assert judged_alone.champion is not None
    assert (
        f"; what serves is surely worse than the model it was judged by (rmse {served:.4g} against "
        f"{judged_alone.champion.metric:.4g}), so the challenger meets what serves"
    ) in failed.comparison.reason


def test_where_what_serves_is_no_worse_the_judged_model_is_met() -> None:
    rows = table(signal())
    alone = evaluate(REGRESSION, rows, champion=FAIR, challenger=GOOD, resamples=400)
    for serving in (GOOD, FAIR):
        found = evaluate(
            REGRESSION, rows, champion=FAIR, serving=serving, challenger=GOOD, resamples=400
        )
        assert found.comparison == alone.comparison


@pytest.mark.parametrize("metric", ["f1", "log_loss"])
def test_what_serves_may_know_a_class_that_its_judged_model_does_not(metric: str) -> None:
    rule = CLASSIFICATION.evaluation.model_copy(update={"metric": metric, "segments": ()})
    definition = CLASSIFICATION.model_copy(update={"evaluation": rule})
    rows = table(kinds(0.3))
    judged, serving = classifier("1", 3, 0.3), classifier("1", 3, 0.3, 0.5)
    found = evaluate(definition, rows, champion=judged, serving=serving, challenger=judged)
    assert found.champion is not None
    assert EARLY in set(found.champion.outputs.tolist())
    assert "so the challenger meets what serves" in found.comparison.reason
    assert found.comparison.decision == "promote"


def test_chance_alone_is_not_enough() -> None:
    rows = table(signal())
    truth = np.asarray(rows["late"])
    sides = [score_predictions(REGRESSION, each, rows, truth, [], None) for each in (BAD, GOOD)]
    draws = improvements_over(
        REGRESSION, rows, truth, (sides[0], sides[1]), [], seed=0, resamples=200
    )
    assert (draws > 0).all()
    doubtful = np.where(np.arange(200) < 2, -draws, draws)  # 0.99, and 0.995 is asked for
    assert why_serving_counts(REGRESSION, sides[0], sides[1], doubtful) is None
    assert why_serving_counts(REGRESSION, sides[0], sides[1], draws) is not None


def test_the_answers_are_those_of_the_model_that_is_met() -> None:
    rows = table(signal())
    truth = np.asarray(rows["late"])
    scored = score_predictions(REGRESSION, GOOD, rows, truth, [], None)
    answers = answers_of(REGRESSION, rows, truth, scored)
    assert answers.column_names[:2] == ["label", "model_output"]
    assert answers["model_output"].to_pylist() == scored.outputs.tolist()
    assert answers["label"].to_pylist() == truth.tolist()
