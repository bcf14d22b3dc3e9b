from __future__ import annotations

import pytest

from evergreen.drift.policy.certainty import SURE_LEVEL, is_beyond_doubt
from tests.support.drift_checks import features, in_doubt, jointly, measured


def test_one_strict_test_of_the_inputs_is_enough() -> None:
    doubtful = in_doubt(features("a"))
    assert not is_beyond_doubt("data_drift", doubtful, jointly(), None)
    assert is_beyond_doubt("data_drift", features("a", "b"), jointly(), None)
    assert is_beyond_doubt("data_drift", doubtful, jointly(drifted=True), None)
    # A test that found nothing says nothing, however small its p-value: the effect is too small.
    tiny = features("a").tests[0].model_copy(update={"drifted": False})
    kept = doubtful.tests[0], tiny
    assert not is_beyond_doubt("data_drift", type(doubtful)(kept, None), jointly(), None)


@pytest.mark.parametrize(("p_value", "sure"), [(SURE_LEVEL, True), (2 * SURE_LEVEL, False)])
def test_a_fall_is_judged_by_its_own_test(p_value: float, sure: bool) -> None:
    fallen = measured(0.3, 0.5, worse=True).model_copy(update={"p_value": p_value})
    assert is_beyond_doubt("performance", features("a"), jointly(drifted=True), fallen) is sure


def test_a_goal_that_is_missed_needs_no_second_test() -> None:
    below = measured(0.4, 0.5)
    assert is_beyond_doubt("performance", features(), jointly(), below)
    assert is_beyond_doubt("performance", features(), jointly(), None)
    assert is_beyond_doubt("estimated_performance", in_doubt(features("a")), jointly(), None)
