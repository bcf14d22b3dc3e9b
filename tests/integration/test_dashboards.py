"""The check of the dashboards, with a CloudWatch that holds every metric of the catalog."""

from __future__ import annotations

import json
import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from prometheus_client import CollectorRegistry, start_http_server

from dashboards.building.build import PROVISIONING
from dashboards.checking.ask_cloudwatch import CloudWatchBackend
from dashboards.checking.ask_prometheus import PrometheusBackend
from dashboards.checking.check import NoTrafficError, QueryCheck, check_dashboards
from evergreen.clock import utc_now
from evergreen.metrics.catalog import NAMESPACE, NO_MODEL, SPECS, Metric
from evergreen.metrics.cloudwatch import dimensions
from evergreen.metrics.event_marks import EVENT_MARKS, MARK_PERIOD_SECONDS
from functions.export_metrics.collector import CloudWatchCollector
from local.ports import pick
from tests.support.prometheus_server import need_prometheus, select, wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_cloudwatch import CloudWatchClient

    from dashboards.checking.answers import Backend
    from local.stack import Stack

MODEL = "test_of_dashboards"


def cloudwatch(stack: Stack) -> CloudWatchClient:
    # Our own region, so that these metrics and those of other tests do not mix.
    session = boto3.Session(
        aws_access_key_id="test", aws_secret_access_key="test", region_name="eu-north-1"
    )
    return session.client("cloudwatch", endpoint_url=stack.endpoint_url)


@pytest.fixture(scope="module")
def backend(local_stack: Stack) -> CloudWatchBackend:
    client = cloudwatch(local_stack)
    client.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": spec.metric,
                "Dimensions": [{"Name": name, "Value": MODEL} for name in dimensions(spec)],
                "Unit": spec.unit,
                "Value": 1.0,
            }
            for spec in SPECS
        ],
    )
    client.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": spec.metric,
                "Dimensions": [{"Name": name, "Value": NO_MODEL} for name in dimensions(spec)],
                "Unit": spec.unit,
                "Value": 1.0,
            }
            for spec in SPECS
            if spec.metric in {Metric.REQUESTS, Metric.RESPONSES, Metric.RESPONSE_TIME}
        ],
    )
    for event in EVENT_MARKS:
        client.put_metric_alarm(
            AlarmName=f"{MODEL}-{event.metric}",
            Namespace=NAMESPACE,
            MetricName=event.metric,
            Dimensions=[{"Name": "model", "Value": MODEL}],
            Statistic=event.statistic,
            Period=MARK_PERIOD_SECONDS,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanOrEqualToThreshold",
        )
    end = utc_now() + timedelta(minutes=5)
    return CloudWatchBackend(client, end - timedelta(hours=1), end, emulator=True)


@pytest.fixture(scope="module")
def prometheus(
    backend: CloudWatchBackend, local_stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusBackend]:
    """A real Prometheus that scrapes these metrics from the exporter."""
    folder = tmp_path_factory.mktemp("prometheus")
    registry = CollectorRegistry()
    registry.register(CloudWatchCollector(cloudwatch(local_stack), utc_now))
    server, thread = start_http_server(0, "127.0.0.1", registry)
    exporter = {"targets": [f"127.0.0.1:{server.server_port}"], "labels": {"stage": "dev"}}
    job = {"job_name": "evergreen", "scrape_interval": "2s", "static_configs": [exporter]}
    (folder / "prometheus.yml").write_text(json.dumps({"scrape_configs": [job]}))
    address = f"127.0.0.1:{pick(None)}"
    with subprocess.Popen(
        [
            need_prometheus().prometheus,
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            "--log.level=error",
        ]
    ) as process:
        try:
            end = utc_now() + timedelta(minutes=5)
            asking = PrometheusBackend(f"http://{address}", end - timedelta(hours=1), end)
            wait(lambda: scraped_twice(f"http://{address}"), seconds=60, what="two scrapes")
            yield asking
        finally:
            process.terminate()
            server.shutdown()
            server.server_close()
            thread.join()


def scraped_twice(url: str) -> bool | None:
    try:
        return bool(select(url, "count_over_time(evergreen_predictions_total[1m]) >= 2")) or None
    except OSError:  # it does not listen yet
        return None


def bad(
    folder: Path, backend: Backend, source: str = "cloudwatch", model: str = MODEL
) -> list[QueryCheck]:
    outcomes = list(check_dashboards(folder, source, backend, model=model))
    assert len(outcomes) > 50
    return [outcome for outcome in outcomes if not outcome.good]


def test_every_query_returns_data_if_every_metric_has_some(backend: CloudWatchBackend) -> None:
    assert bad(PROVISIONING, backend) == []
    # With "All" only the marks are without data: an alarm is on one model.
    failed = bad(PROVISIONING, backend, model="*")
    assert [each for each in failed if " / annotation: " not in each.place] == []


@pytest.mark.parametrize(
    ("file", "right", "wrong", "where"),
    [
        ("api.json", '"ClientErrors"', '"ClientError"', "Client errors"),
        ("service.json", '"Healthy"', '"Healty"', "Container health"),
        ("model.json", '"output"', '"outcome"', "Outputs"),
    ],
)
def test_a_typo_fails_the_check(
    backend: CloudWatchBackend, tmp_path: Path, file: str, right: str, wrong: str, where: str
) -> None:
    folder = tmp_path / "provisioning"
    shutil.copytree(PROVISIONING, folder)
    board = folder / "dashboards" / "cloudwatch" / file
    board.write_text(board.read_text().replace(right, wrong))
    assert any(where in outcome.place for outcome in bad(folder, backend))


def test_every_query_returns_data_from_prometheus(prometheus: PrometheusBackend) -> None:
    # The second is what Grafana makes of "All".
    for selected in (MODEL, f"({MODEL}|another)"):
        assert bad(PROVISIONING, prometheus, "prometheus", selected) == []


@pytest.mark.parametrize(
    ("file", "right", "wrong", "where"),
    [
        ("api.json", "evergreen_client_errors_total", "evergreen_client_error_total", "Error rate"),
        ("data.json", "drifted_share_ratio", "drifted_share_percent", "Drifted share"),
    ],
)
def test_a_typo_fails_the_check_of_prometheus(
    prometheus: PrometheusBackend, tmp_path: Path, file: str, right: str, wrong: str, where: str
) -> None:
    folder = tmp_path / "provisioning"
    shutil.copytree(PROVISIONING, folder)
    board = folder / "dashboards" / "prometheus" / file
    board.write_text(board.read_text().replace(right, wrong))
    assert any(where in outcome.place for outcome in bad(folder, prometheus, "prometheus"))


def test_what_the_emulator_was_asked_instead_is_said(backend: CloudWatchBackend) -> None:
    outcomes = {
        outcome.place: str(outcome)
        for outcome in check_dashboards(PROVISIONING, "cloudwatch", backend, model=MODEL)
    }
    latency = outcomes["Evergreen API (CloudWatch) / Response time by endpoint"]
    assert "Maximum for p99, each metric for endpoint=*" in latency
    assert "its inputs" in outcomes["Evergreen API (CloudWatch) / Requests per second"]
    assert "asked" not in outcomes["Evergreen Model (CloudWatch) / Production version"]


def test_without_traffic_it_says_so(local_stack: Stack, tmp_path: Path) -> None:
    folder = tmp_path / "provisioning"
    shutil.copytree(PROVISIONING, folder)
    for board in (folder / "dashboards" / "cloudwatch").glob("*.json"):
        board.write_text(board.read_text().replace('"Predictions"', '"NeverEmitted"'))
    client = cloudwatch(local_stack)
    nothing = CloudWatchBackend(client, utc_now(), utc_now(), emulator=True)
    with pytest.raises(NoTrafficError):
        list(check_dashboards(folder, "cloudwatch", nothing))
