"""How sure a drift is: whether one window is enough to start a retraining.

The tests of a check find something by chance with probability ``alpha`` at most, which is right for
a message to people. A model is checked again and again, so one that nothing happens to would be
retrained for every few such messages. What is surely there shows at a far stricter level. What is
in doubt must be found in a second window.

This is about the inputs. A fall of the metric does harm while it waits, and on few rows no test is
as strict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.records import MultivariateTest

SURE_LEVEL = 0.001
"""Largest p-value of a drift that is beyond doubt: chance makes one in a thousand checks."""


def is_beyond_doubt(univariate: UnivariateResult, multivariate: MultivariateTest) -> bool:
    """Return whether one of the tests of the inputs found a drift at :data:`SURE_LEVEL`."""
    p_values = [each.p_value_corrected for each in univariate.tests if each.drifted]
    p_values += [multivariate.p_value] if multivariate.drifted else []
    return any(p_value is not None and p_value <= SURE_LEVEL for p_value in p_values)
