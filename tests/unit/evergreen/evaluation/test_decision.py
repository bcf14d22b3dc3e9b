from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evergreen.datasets.manifest import AgeEffect
from evergreen.evaluation.circumstances import Circumstances
from evergreen.evaluation.comparison import Comparison, SegmentResult
from evergreen.evaluation.decision import judge, probability_required
from evergreen.evaluation.degradation import Degradation
from evergreen.evaluation.measure import F1
from evergreen.model_definition import Evaluation, Feature, ModelDefinition
from tests.support.made_up_predictions import gains_f1, predictions


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
        F1.score(ground_truth, old, ["0", "1"]),
        F1.score(ground_truth, new, ["0", "1"]),
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


def judged(improvements: list[float], *rule: Any, **more: Any) -> Comparison:
    wanted = rule[0] if rule else definition()
    return judge(wanted, 0.7, 0.8, np.array(improvements), rows=50, **more)


def segment(name: str, *, worse: float | None = 0.5, refused: bool = False) -> SegmentResult:
    return SegmentResult(
        feature="line",
        segment=name,
        rows=25,
        champion=0.6,
        challenger=0.5,
        probability_worse=worse,
        refused=refused,
    )


def test_the_share_of_better_resamples_has_to_reach_the_confidence() -> None:
    reached = judged([0.1] * 19 + [0.0])
    assert (reached.decision, reached.probability_better) == ("promote", 0.95)
    assert reached.reason == (
        "f1 0.8 against 0.7 on 50 held-out rows: better with probability 0.950, which reaches 0.95"
    )
    short = judged([0.1] * 18 + [0.0] * 2)
    assert (short.decision, short.probability_better) == ("reject", 0.9)
    assert short.reason == (
        "f1 0.8 against 0.7 on 50 held-out rows: better with probability 0.900, short of 0.95"
    )


def effect(loss: float, **more: Any) -> AgeEffect:
    known = {"rows": 40, "origins": 5, "share_worse": 0.8, "error": 1.0, "probability_worse": 0.9}
    return AgeEffect.model_validate(known | {"loss": loss} | more)


DRIFT = "the retraining was started because the data drifted"


def test_where_the_world_moves_the_challenger_must_only_not_be_probably_worse() -> None:
    moved = Circumstances(moved=DRIFT)
    assert judged([0.1] * 19 + [0.0] * 81, circumstances=moved).decision == "reject"
    reached = judged([0.1] * 20 + [0.0] * 80, circumstances=moved)
    assert (reached.decision, reached.probability_required) == ("promote", 0.2)
    assert reached.reason == (
        "f1 0.8 against 0.7 on 50 held-out rows: better with probability 0.200, which reaches 0.2; "
        "the retraining was started because the data drifted, so 0.2 is enough"
    )


@pytest.mark.parametrize(
    ("confidence", "moves", "required"),
    [(0.95, False, 0.95), (0.95, True, 0.2), (0.99, True, 0.04), (0.8, True, 0.5)],
)
def test_what_is_required_follows_from_the_confidence(
    confidence: float, *, moves: bool, required: float
) -> None:
    assert probability_required(definition(confidence=confidence), moves=moves) == required


def test_a_fall_moves_the_burden_of_proof_and_is_the_reason_that_is_told() -> None:
    fall = Degradation(newer=0.2, older=0.6, by_chance=np.zeros(1), p_value=0.001)
    found = judged([0.1] * 2 + [0.0] * 8, fall=fall, circumstances=Circumstances(moved=DRIFT))
    assert found.decision == "promote"
    assert found.reason.endswith(
        "the champion has surely got worse (f1 0.2 against 0.6 at its promotion), so 0.2 is enough"
    )


def test_the_rolling_origins_are_pooled_with_the_holdout_and_both_are_told() -> None:
    improvements = np.array([-3.0, -1.0, 0.5, 1.0])
    aging = effect(2.5)
    found = judged(improvements.tolist(), circumstances=Circumstances(aging, DRIFT))
    alone = [float(stats.norm.sf(z)) for z in (improvements.mean() / improvements.std(), 2.5)]
    pooled = stats.combine_pvalues(alone, method="stouffer")
    assert found.probability_better == pytest.approx(1 - pooled.pvalue)
    assert (found.probability_on_holdout, found.aging) == (0.5, aging)
    assert (
        f"better with probability {found.probability_better:.3f} (0.500 on these rows alone; "
        "models without the newest 40 rows were worse at 4 of 5 earlier origins), which reaches 0.2"
    ) in found.reason


@given(
    improvements=st.lists(st.floats(-1, 1), min_size=2, max_size=20),
    loss=st.floats(-6, 6),
    more=st.floats(0, 3),
    moves=st.booleans(),
)
def test_more_evidence_never_demotes(
    improvements: list[float], loss: float, more: float, *, moves: bool
) -> None:
    def promoted(loss: float, *, moves: bool = moves) -> tuple[bool, float | None]:
        about = Circumstances(effect(loss), DRIFT if moves else None)
        found = judged(improvements, circumstances=about)
        return found.decision == "promote", found.probability_better

    assert promoted(loss) <= promoted(loss + more)
    assert promoted(loss, moves=False)[0] <= promoted(loss, moves=True)[0]


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
def test_without_rolling_origins_the_share_of_the_resamples_decides(
    improvements: list[float],
) -> None:
    found = judged(improvements)
    assert found.probability_better == found.probability_on_holdout
    assert found.probability_better == np.mean(np.array(improvements) > 0)
    assert found.aging is None


def test_a_record_from_before_there_was_other_evidence_can_be_read() -> None:
    kept = judged([0.1]).model_dump(exclude={"probability_on_holdout", "aging"})
    assert Comparison.model_validate(kept).probability_on_holdout is None


def test_an_improvement_has_to_be_more_than_what_is_asked_for() -> None:
    assert judged([0.25] * 20, definition(min_improvement=0.25)).probability_better == 0
    assert judged([0.2500001] * 20, definition(min_improvement=0.25)).probability_better == 1


def test_a_comparison_repeats_what_it_was_computed_from() -> None:
    segments = tuple(segment(f"U{number}") for number in range(6))
    found = judged([0.5], seen=(3, 4), segments=(*segments, segment("U7", worse=None)))
    assert (found.metric, found.metric_champion, found.metric_challenger) == ("f1", 0.7, 0.8)
    assert (found.rows, found.seen_by_champion, found.seen_by_challenger) == (50, 3, 4)
    assert found.segments == segments[:5]
    assert found.segments_judged == 6


def test_the_interval_is_the_central_one_at_the_confidence() -> None:
    improvements = [number / 100 for number in range(101)]
    assert judged(improvements, definition(confidence=0.9)).interval == pytest.approx((0.05, 0.95))


def test_a_refusing_segment_overrules_a_better_metric_and_is_named() -> None:
    allowed, refusing = segment("U1"), segment("U2", refused=True)
    assert judged([0.1], segments=(allowed,)).decision == "promote"
    one = judged([0.1], segments=(allowed, refusing))
    assert one.decision == "reject"
    assert one.reason.endswith(
        "which reaches 0.95; worse than allowed in the protected segment line = U2 "
        "(f1 0.5 against 0.6 on 25 rows, probability 0.5000)"
    )
    several = judged([0.1], segments=(refusing, segment("U3", refused=True)))
    assert several.decision == "reject"
    assert several.reason.endswith("probability 0.5000) and 1 more")


@pytest.mark.parametrize(
    ("seen", "said"),
    [
        ((None, None), "on 50 held-out rows:"),
        ((0, 0), "on 50 rows that neither was trained on:"),
        ((3, 0), "on 50 rows (the champion was trained on 3 of them):"),
        ((0, 3), "on 50 rows (the challenger was trained on 3 of them):"),
        (
            (3, 3),
            "(the champion was trained on 3 of and the challenger was trained on 3 of them):",
        ),
        (
            (None, 0),
            "on 50 rows (the champion was trained on an unknown number of them):",
        ),
        (
            (0, None),
            "on 50 rows (the challenger was trained on an unknown number of them):",
        ),
    ],
)
def test_the_reason_says_who_was_trained_on_the_rows(
    seen: tuple[int | None, int | None], said: str
) -> None:
    assert said in judged([0.1], seen=seen).reason
