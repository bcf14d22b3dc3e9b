from __future__ import annotations

import pytest

from evergreen.drift.detectors.univariate import UnivariateResult
from evergreen.drift.policy.certainty import SURE_LEVEL, is_beyond_doubt
from tests.support.drift_checks import features, in_doubt, jointly


def test_one_strict_test_of_the_inputs_is_enough() -> None:
    doubtful = in_doubt(features("a"))
    assert not is_beyond_doubt(doubtful, jointly())
    assert is_beyond_doubt(features("a", "b"), jointly())
    assert is_beyond_doubt(doubtful, jointly(drifted=True))


@pytest.mark.parametrize(("p_value", "sure"), [(SURE_LEVEL, True), (2 * SURE_LEVEL, False)])
def test_the_corrected_level_counts(p_value: float, sure: bool) -> None:
    found = features("a").tests[0].model_copy(update={"p_value_corrected": p_value})
    assert is_beyond_doubt(UnivariateResult((found,), None), jointly()) is sure
    # A test that found nothing says nothing, however small its p-value: the effect is too small.
    small = found.model_copy(update={"drifted": False})
    assert not is_beyond_doubt(UnivariateResult((small,), None), jointly())
