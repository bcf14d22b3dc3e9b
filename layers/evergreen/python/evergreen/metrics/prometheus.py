"""Names and units of the table's metrics in Prometheus.

Prometheus' naming rules ask for the application's name as a prefix, snake case, the base unit as a
suffix, ratios instead of percent, and ``_total`` at the end of counters. A distribution becomes a
summary: the name with a ``quantile`` label, and ``…_sum`` and ``…_count``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.metrics.catalog import MetricSpec, Unit

_BASE_UNITS: dict[Unit, tuple[str, float]] = {
    "Count": ("", 1.0),
    "None": ("", 1.0),
    "Seconds": ("_seconds", 1.0),
    "Milliseconds": ("_seconds", 1e-3),
    "Bytes": ("_bytes", 1.0),
    "Megabytes": ("_bytes", 1e6),
    "Percent": ("_ratio", 1e-2),
}
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def prometheus_name(spec: MetricSpec) -> str:
    """Return the name of a metric's series, e.g. ``evergreen_response_time_seconds``.

    A counter's name ends in ``_total``. A distribution's name is the one with the ``quantile``
    label; ``_sum`` and ``_count`` are appended to it.
    """
    words = _WORD_START.sub("_", spec.metric.value).lower()
    suffix, _ = _BASE_UNITS[spec.unit]
    ending = "_total" if spec.kind == "counter" else ""
    return f"evergreen_{words}{suffix}{ending}"


def prometheus_scale(spec: MetricSpec) -> float:
    """Return the factor from a CloudWatch value to Prometheus' base unit."""
    return _BASE_UNITS[spec.unit][1]
