"""Every query of the dashboards and alerts, on the metrics of the loop's real traffic.

It runs after the other end-to-end tests, because it reads their traffic and sends none.
"""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.shared.demo_steps import MODEL
from dashboards.building.build import PROVISIONING
from dashboards.checking.answers import OF_AWS
from dashboards.checking.ask_cloudwatch import CloudWatchBackend
from dashboards.checking.ask_prometheus import PrometheusBackend
from dashboards.checking.check import check_dashboards
from evergreen.clock import utc_now
from tests.support.prometheus_server import address, need_prometheus

if TYPE_CHECKING:
    from cli.shared.target import Target
    from dashboards.checking.answers import Backend
    from local.stack import Stack

PATIENCE_SECONDS = 90
BACK = timedelta(hours=3)


def bad(source: str, backend: Backend) -> list[str]:
    """Return the lines of failed queries, as soon as there are none or the time is over."""
    patience_ends = time.monotonic() + PATIENCE_SECONDS
    while True:
        outcomes = list(check_dashboards(PROVISIONING, source, backend, model=MODEL))
        assert len(outcomes) > 50
        # This model is a classifier and had every kind of event, so no query may be empty but those
        # for metrics of AWS's own services.
        lines = [
            str(outcome)
            for outcome in outcomes
            if outcome.refused
            or not all(
                answer.values or (answer.metrics and set(answer.metrics) <= OF_AWS.keys())
                for answer in outcome.answers
            )
        ]
        if not lines or time.monotonic() > patience_ends:
            return lines
        time.sleep(5)  # metrics arrive through the log


def test_every_query_of_the_cloudwatch_dashboards_returns_data(deployed: Target) -> None:
    end = utc_now() + timedelta(minutes=5)
    client = deployed.client("cloudwatch")
    assert bad("cloudwatch", CloudWatchBackend(client, end - BACK, end, emulator=True)) == []


def test_every_query_of_the_prometheus_dashboards_returns_data(
    deployed: Target, local_stack: Stack
) -> None:
    need_prometheus()
    url = address(local_stack.settings, "prometheus")
    assert deployed.outputs
    end = utc_now() + timedelta(minutes=5)
    assert bad("prometheus", PrometheusBackend(url, end - BACK, end)) == []
