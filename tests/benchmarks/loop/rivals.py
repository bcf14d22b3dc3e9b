"""When others would retrain: Evidently's default flag, and river's ADWIN on the errors."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from river.drift import ADWIN

from evergreen.training.trainer import to_features

with warnings.catch_warnings(action="ignore"):  # about names that its own dependencies deprecate
    from evidently import Report
    from evidently.presets import DataDriftPreset

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition
    from tests.benchmarks.loop.deployment import Deployment


def evidently_share(
    definition: ModelDefinition, reference: pa.Table, window: pa.Table
) -> tuple[float, float]:
    """Return the share of drifted columns that Evidently finds, and from which on it raises a flag.

    All is left to its defaults. A column without any value on one side is left out, because
    Evidently takes none.
    """
    sides = [to_features(definition, rows) for rows in (window, reference)]
    names = [
        name for name in definition.features if all(side[name].notna().any() for side in sides)
    ]
    current, earlier = (side[names] for side in sides)
    with warnings.catch_warnings(action="ignore"):
        found = Report([DataDriftPreset()]).run(current, earlier).dict()["metrics"][0]
    return float(found["value"]["share"]), float(found["config"]["drift_share"])


def adwin_alarm(errors: NDArray[np.float64]) -> bool:
    """Say whether ADWIN finds a change in errors between 0 and 1, oldest first.

    ADWIN compares the means of all older and newer parts of what it was given (A. Bifet and
    R. Gavaldà, "Learning from time-changing data with adaptive windowing", *SDM* 2007), here with
    river's defaults.
    """
    make: Any = ADWIN  # river has no types
    detector = make()
    for error in errors.tolist():
        detector.update(error)
        if detector.drift_detected:
            return True
    return False


def errors_of_champion(deployment: Deployment) -> NDArray[np.float64]:
    """Return the errors of the champion, oldest first, as far as outcomes have come in.

    An error is 0 or 1 for a class. For a number it is the distance to the outcome, as a share of
    the range of outcomes before the first period, and at most 1.
    """
    series, workshop = deployment.series, deployment.workshop
    known = series.between(None, series.bounds[0])[series.definition.target]
    errors = [np.array([], dtype=np.float64)]
    for period, (version, outputs) in enumerate(deployment.served):
        if version != deployment.champion.dataset_id:
            continue
        there = len(series.between(series.periods[period][0], deployment.now - series.label_delay))
        truth, said = workshop.ground_truth(period)[:there], outputs[:there]
        if series.definition.task == "classification":
            errors.append((truth != said).astype(np.float64))
        else:
            distance = np.abs(truth.astype(np.float64) - said.astype(np.float64))
            spread = float(known.max() - known.min()) or 1.0
            errors.append(np.minimum(distance / spread, 1.0))
    return np.concatenate(errors)
