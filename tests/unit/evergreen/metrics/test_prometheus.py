"""Names and units as Prometheus' conventions ask for them."""

from __future__ import annotations

import re

import pytest

from evergreen.metrics.catalog import BY_METRIC, SPECS, Metric
from evergreen.metrics.prometheus import prometheus_name, prometheus_scale


@pytest.mark.parametrize(
    ("metric", "name", "scale"),
    [
        (Metric.REQUESTS, "evergreen_requests_total", 1),
        (Metric.RESPONSE_TIME, "evergreen_response_time_seconds", 0.001),
        (Metric.UPTIME, "evergreen_uptime_seconds", 1),
        (Metric.DISK_READ, "evergreen_disk_read_bytes_total", 1),
        (Metric.CPU, "evergreen_cpu_utilization_ratio", 0.01),
        (Metric.CONFIDENCE, "evergreen_confidence", 1),
    ],
)
def test_name_and_unit(metric: Metric, name: str, scale: float) -> None:
    assert prometheus_name(BY_METRIC[metric]) == name
    assert prometheus_scale(BY_METRIC[metric]) == scale


def test_every_name_is_valid_and_its_own() -> None:
    names = [prometheus_name(spec) for spec in SPECS]
    assert len(set(names)) == len(SPECS)
    assert all(re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) for name in names)


def test_only_counters_are_totals() -> None:
    for spec in SPECS:
        assert prometheus_name(spec).endswith("_total") == (spec.kind == "counter")
