"""How sure a finding is: whether one window is enough to start a retraining.

The tests of a check find something by chance with probability ``alpha`` at most, which is right for
a message to people. A model is checked again and again, so one that nothing happens to would be
retrained for every few such messages. What is surely there shows at a far stricter level. What is
in doubt must be found in a second window.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.records import MultivariateTest, PerformanceTest
    from evergreen.events import Trigger

SURE_LEVEL = 0.001
"""Largest p-value of a finding that is beyond doubt: chance makes one in a thousand checks."""


def is_beyond_doubt(
    trigger: Trigger,
    univariate: UnivariateResult,
    multivariate: MultivariateTest,
    performance: PerformanceTest | None,
) -> bool:
    """Return whether one of the tests behind a trigger found it at :data:`SURE_LEVEL`.

    A trigger that no test of this check has found is beyond doubt: a metric that is still below its
    goal, whose fall an earlier check has found, and a metric that is estimated.
    """
    if trigger == "data_drift":
        p_values = [each.p_value_corrected for each in univariate.tests if each.drifted]
        p_values += [multivariate.p_value] if multivariate.drifted else []
    elif trigger == "performance" and performance is not None and performance.drifted:
        p_values = [performance.p_value]
    else:
        return True
    return any(p_value is not None and p_value <= SURE_LEVEL for p_value in p_values)
