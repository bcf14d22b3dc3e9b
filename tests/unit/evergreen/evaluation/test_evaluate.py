from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.evaluation.evaluate import judge
from evergreen.evaluation.metrics import f1_score
from evergreen.model_definition import Evaluation, Feature, ModelDefinition
from tests.support.made_up_predictions import gains_f1, predictions

if TYPE_CHECKING:
    from evergreen.evaluation.comparison import Comparison


def definition(**rule: Any) -> ModelDefinition:
    return ModelDefinition(
        name="fruit",
        task="classification",
        target="ripe",
        features={"size": Feature(type="float")},
        evaluation=Evaluation(**rule),
    )


def verdict(seed: int, champion: float, challenger: float, **rule: Any) -> Comparison:
    ground_truth, old, new = predictions(seed, 1000, champion, challenger)
    improvements = gains_f1(ground_truth, old, new, ["0", "1"], resamples=500)
    return judge(
        definition(**rule),
        f1_score(ground_truth, old, ["0", "1"]),
        f1_score(ground_truth, new, ["0", "1"]),
        improvements,
        rows=1000,
    )


def test_a_clearly_better_challenger_is_promoted_and_a_worse_one_is_not() -> None:
    better = verdict(1, champion=0.7, challenger=0.85)
    assert better.decision == "promote"
    assert better.interval is not None
    assert better.interval[0] > 0
    worse = verdict(1, champion=0.85, challenger=0.7)
    assert worse.decision == "reject"
    assert "short of 0.95" in worse.reason


def test_equal_models_are_rarely_swapped() -> None:
    # Two models of the same skill: each has a 5 % chance of passing at confidence 0.95.
    promoted = sum(verdict(seed, 0.75, 0.75).decision == "promote" for seed in range(200))
    assert promoted <= 20


def test_a_tie_keeps_the_champion() -> None:
    ground_truth, champion, _ = predictions(seed=6, rows=100, champion=0.8, challenger=0.8)
    improvements = gains_f1(ground_truth, champion, champion, ["0", "1"])
    tie = judge(definition(), 0.8, 0.8, improvements, rows=100)
    assert tie.decision == "reject"
    assert tie.probability_better == 0
    assert tie.interval == (0, 0)


def test_an_improvement_smaller_than_asked_for_is_not_enough() -> None:
    assert verdict(2, 0.7, 0.85).decision == "promote"
    refused = verdict(2, 0.7, 0.85, min_improvement=0.5)
    assert refused.decision == "reject"
    assert "better by more than 0.5 with probability 0.000" in refused.reason
