"""The results as JSON: one record per series and policy."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.benchmarks.loop.replayed import Replayed

MEMORY_GB = 2.0
"""Memory of the functions that the seconds are turned into GB-seconds with; at this size Lambda
gives a little more than one CPU (one per 1,769 MB), and the replay computes on one."""


def to_records(replayed: Iterable[Replayed]) -> list[dict[str, Any]]:
    """Return one record per series and policy."""
    return [
        {
            "series": outcome.series,
            "policy": outcome.policy,
            "metric": outcome.metric,
            "value": outcome.value,
            "retrainings": outcome.retrainings,
            "promotions": outcome.promotions,
            "wrong_promotions": outcome.wrong_promotions,
            "seconds": round(sum(outcome.seconds.values()), 3),
            "lambda_seconds": round(outcome.lambda_seconds, 3),
            "gb_seconds": round(outcome.lambda_seconds * MEMORY_GB, 3),
            "refusals": outcome.refusals,
            "split": one.series.split,
            "settings": one.series.settings,
            "periods": [
                {
                    "start": period.start.isoformat(),
                    "rows": period.rows,
                    "value": None if math.isnan(period.value) else period.value,
                    "trained": period.trained,
                    "promoted": period.promoted,
                    "wrong": period.wrong,
                    "reason": period.reason,
                }
                for period in outcome.periods
            ],
        }
        for one in replayed
        for outcome in one.outcomes.values()
    ]


def to_json(replayed: Iterable[Replayed]) -> str:
    """Return the records as JSON."""
    return json.dumps(to_records(replayed), indent=1, allow_nan=False) + "\n"
