"""Real time order: New York's flights of 2013, month by month.

What fires on each month against what production was trained on, and what the comparison of
champion and challenger then makes of it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evergreen.evaluation.bootstrap import resample_labels
from evergreen.evaluation.decision import judge
from evergreen.evaluation.measure import F1
from evergreen.model_definition import load_definition
from models.flight_delay.data import FEATURES, TARGET, load_flights
from models.flight_delay.training import CATEGORIES, train
from tests.benchmarks.drift.detectors import ours
from tests.benchmarks.drift.worker import answers_apart, detector

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from tests.benchmarks.drift.data import Columns

FIRST = (1, 2)
_MID = 15
_CLASSES = ["0", "1"]


def watch(fraction: float, last: int) -> list[dict[str, Any]]:
    """Go through the months after the first two with a share of the flights."""
    definition = load_definition(Path(sys.modules[train.__module__].__file__ or "").parent)
    flights = load_flights(range(1, last + 1), fraction)
    local = flights["timestamp"].dt.tz_convert("America/New_York")
    month, day = local.dt.month, local.dt.day
    inputs = list(FEATURES)
    trained = flights[month.isin(FIRST)]
    champion = train(trained[inputs], trained[TARGET])
    found = []
    for number in range(FIRST[-1] + 1, last + 1):
        window = flights[month == number]
        sides = _columns(trained), _columns(window)
        # A window of traffic is a day in production; a month is what its drift adds up to.
        alarms: dict[str, bool] = {}
        for family in ("univariate", "decision", "evidently", "psi"):
            alarms |= detector(family)(*sides)
        known = flights[(month < number) | ((month == number) & (day <= _MID))]
        holdout = flights[(month == number) & (day > _MID)]
        challenger = train(known[inputs], known[TARGET])
        ground_truth = holdout[TARGET].to_numpy().astype(str)
        old, new = (model.predict(holdout[inputs]).astype(str) for model in (champion, challenger))
        resampled = resample_labels(ground_truth, old, new, _CLASSES)
        comparison = judge(
            definition,
            F1.score(ground_truth, old, _CLASSES),
            F1.score(ground_truth, new, _CLASSES),
            resampled[1] - resampled[0],
            rows=ground_truth.size,
        )
        found.append(
            {
                "month": f"2013-{number:02}",
                "rows": len(window),
                "drifted_features": list(ours.single(*sides).drifted_features),
                "alarms": alarms,
                "champion": comparison.metric_champion,
                "challenger": comparison.metric_challenger,
                "probability_better": comparison.probability_better,
                "decision": comparison.decision,
            }
        )
        if comparison.decision == "promote":
            champion, trained = challenger, known
    return found


def _columns(flights: pd.DataFrame) -> Columns:
    return {
        name: _column(flights[name].to_numpy(), category=name in CATEGORIES) for name in FEATURES
    }


def _column(values: NDArray[Any], *, category: bool) -> NDArray[Any]:
    return values.astype(object) if category else values.astype("float32")


def main() -> None:
    """``FRACTION LAST_MONTH``: print what was found."""
    with answers_apart() as answers:
        answers.write(json.dumps(watch(float(sys.argv[1]), int(sys.argv[2]))) + "\n")


if __name__ == "__main__":
    main()
