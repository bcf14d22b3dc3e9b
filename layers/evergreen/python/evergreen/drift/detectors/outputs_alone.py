"""Outputs that have moved while no feature has: after a refit that is no drift.

The reference of the outputs is what the judged model said of its holdout. A refit answers a little
differently in any case (:mod:`evergreen.drift.model_outputs`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.drift.detectors.univariate import UnivariateResult
    from evergreen.drift.model_outputs import ModelOutputs
    from evergreen.drift.records import MultivariateTest
    from evergreen.model_definition import ModelDefinition

_MOVED_ALONE = "no feature has moved, and the reference is of another fit of the recipe"


def beside_features(
    definition: ModelDefinition,
    outputs: ModelOutputs,
    univariate: UnivariateResult,
    multivariate: MultivariateTest,
) -> UnivariateResult:
    """Return the tests, without a drift of outputs that another fit explains.

    Parameters
    ----------
    definition
        The model's. Where features are left out of the request log, they may have moved unseen, so
        the outputs count.
    outputs
        What was tested beside the features.
    univariate, multivariate
        The tests of a check.
    """
    moved = set(univariate.drifted_features)
    alone = moved and moved <= set(outputs.features) and not multivariate.drifted
    if not alone or not outputs.of_another_fit or definition.request_log.redact:
        return univariate
    explained = {"drifted": False, "reason": _MOVED_ALONE}
    tests = (
        test.model_copy(update=explained) if test.drifted else test for test in univariate.tests
    )
    return replace(univariate, tests=tuple(tests))
