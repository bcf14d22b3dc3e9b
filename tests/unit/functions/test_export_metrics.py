"""What Prometheus reads: types that mean what Prometheus takes them for, behind the key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from evergreen.aws import OutOfTimeError
from evergreen.metrics.catalog import NAMESPACE, SPECS
from evergreen.metrics.prometheus import prometheus_name
from functions.export_metrics import handler as module
from functions.export_metrics.collector import AGE, READ_PARTS, UNREAD, CloudWatchCollector
from functions.export_metrics.settings import Settings, settings
from functions.shared import clients
from tests.support.aws_in_process import failing, intercepted, refusal
from tests.support.gateway_events import Context, event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.support.aws_in_process import Account

NOW = datetime(2026, 5, 4, 12, 30, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def scrape(
    aws: Account, now: datetime = NOW, quantiles: tuple[float, ...] = ()
) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = generate_latest(CloudWatchCollector(aws.cloudwatch, lambda: now, quantiles)).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def key(name: str, **labels: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    return name, tuple(sorted(labels.items()))


def test_a_counter_is_the_sum_since_midnight_and_starts_again_at_zero(
    aws: Account,
) -> None:
    requests = {"model": "m", "endpoint": "predict"}
    aws.put_metric("Requests", NOW - 20 * HOUR, 100.0, **requests)
    aws.put_metric("Requests", NOW - 3 * HOUR, 2.0, 3.0, **requests)
    aws.put_metric("Requests", NOW - MINUTE, 4.0, **requests)
    total = key("evergreen_requests_total", **requests)
    assert scrape(aws)[total] == 9
    assert scrape(aws, NOW.replace(hour=23))[total] == 9
    assert scrape(aws, NOW + 12 * HOUR)[total] == 0


def test_a_counter_is_there_before_its_first_event(aws: Account) -> None:
    # Else `increase` would not see the first failure of all.
    aws.put_metric("Healthy", NOW - SECOND, 1.0, model="m")
    assert scrape(aws)[key("evergreen_model_load_failures_total", model="m")] == 0


def test_a_counter_is_read_before_cloudwatch_lists_it(aws: Account) -> None:
    aws.put_metric("Healthy", NOW - SECOND, 1.0, model="m")
    listed = aws.cloudwatch.list_metrics(Namespace=NAMESPACE)
    aws.put_metric("LogSpills", NOW - SECOND, 7.0, model="m")
    # AWS lists a new metric 15 minutes late, moto at once.
    with intercepted(aws.cloudwatch, "ListMetrics", lambda _: listed):
        assert scrape(aws)[key("evergreen_log_spills_total", model="m")] == 7


def with_percentiles(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    """Answer for the values 1 to 100 where percentiles are asked for: moto computes none."""
    answers = {"p50": 50.0, "p99": 99.0, "Maximum": 100.0}
    stats = {query["Id"]: query["MetricStat"]["Stat"] for query in asked["MetricDataQueries"]}
    if set(stats.values()) != set(answers):
        return None
    return {
        "MetricDataResults": [
            {"Id": name, "Timestamps": [asked["StartTime"]], "Values": [answers[stat]]}
            for name, stat in stats.items()
        ]
    }


def test_a_distribution_is_a_summary_in_base_units(aws: Account) -> None:
    labels = {"model": "m", "endpoint": "predict"}
    aws.put_metric("ResponseTime", NOW - 5 * HOUR, 1000.0, **labels)
    aws.put_metric("ResponseTime", NOW - SECOND, *map(float, range(1, 101)), **labels)
    with intercepted(aws.cloudwatch, "GetMetricData", with_percentiles):
        found = scrape(aws, quantiles=(0.5, 0.99))
    name = "evergreen_response_time_seconds"
    assert found[key(f"{name}_sum", **labels)] == pytest.approx(6.05)
    assert found[key(f"{name}_count", **labels)] == 101
    assert found[key(name, quantile="0.5", **labels)] == pytest.approx(0.050)
    assert found[key(name, quantile="0.99", **labels)] == pytest.approx(0.099)
    assert found[key(name, quantile="1", **labels)] == pytest.approx(0.1)


def test_without_recent_values_a_summary_has_no_quantiles(aws: Account) -> None:
    aws.put_metric("BatchSize", NOW - HOUR, 8.0, model="m")
    found = scrape(aws)
    assert found[key("evergreen_batch_size_sum", model="m")] == 8
    assert not [labels for name, labels in found if name == "evergreen_batch_size"]


def test_a_gauge_is_the_newest_by_time_and_not_by_position(aws: Account) -> None:
    for age, value in ((2 * MINUTE, 20.0), (4 * MINUTE, 40.0), (3 * MINUTE, 30.0)):
        aws.put_metric("CpuUtilization", NOW - age, value, model="m")
    assert scrape(aws)[key("evergreen_cpu_utilization_ratio", model="m")] == 0.2


def test_a_daily_gauge_is_still_there_and_the_machine_of_an_hour_ago_is_not(
    aws: Account,
) -> None:
    aws.put_metric("DriftedFeatures", NOW - 25 * HOUR, 3.0, model="m")
    aws.put_metric("Uptime", NOW - HOUR, 60.0, model="m")
    found = scrape(aws)
    assert found[key("evergreen_drifted_features", model="m")] == 3
    assert key("evergreen_uptime_seconds", model="m") not in found


def test_two_versions_in_a_minute_do_not_make_a_third(aws: Account) -> None:
    aws.put_metric("ProductionVersion", NOW - SECOND, 3.0, 4.0, model="m")
    assert scrape(aws)[key("evergreen_production_version", model="m")] == 4


def test_what_is_not_of_the_table_is_left_out(aws: Account) -> None:
    aws.put_metric("Healthy", NOW - SECOND, 1.0, model="m", service="predict")
    aws.put_metric("SomethingElse", NOW - SECOND, 1.0, model="m")
    assert scrape(aws) == {key(UNREAD, part=part): 0 for part in READ_PARTS}


def test_the_age_of_the_newest_metric_of_each_model(aws: Account) -> None:
    aws.put_metric("OldestRawObject", NOW - 2 * HOUR, 0.0, model="old")
    aws.put_metric("Predictions", NOW - 2 * HOUR, 4.0, model="new")
    aws.put_metric("WindowRows", NOW - SECOND, 4.0, model="new")
    aws.put_metric("CpuUtilization", NOW - SECOND, 4.0, model="never")
    aws.put_metric("Requests", NOW - SECOND, 4.0, model="-", endpoint="ping")
    found = scrape(aws)
    ages = {name: found[key(AGE, model=name)] for name in ("old", "new", "never")}
    assert ages["new"] <= 300
    assert 2 * 3600 <= ages["old"] <= 3 * 3600
    assert ages["never"] == 7 * 86_400
    assert key(AGE, model="-") not in found


def test_every_metric_of_the_table_has_help_and_type(aws: Account) -> None:
    text = generate_latest(CloudWatchCollector(aws.cloudwatch, lambda: NOW)).decode()
    for spec in SPECS:
        kind = {"distribution": "summary"}.get(spec.kind, spec.kind)
        assert f"# TYPE {prometheus_name(spec)} {kind}\n" in text
        assert f"# HELP {prometheus_name(spec)} {spec.says[:1].upper()}{spec.says[1:]}.\n" in text


def test_more_series_than_one_call_takes(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    # moto takes any number and is slow with many; that it is 500 a test of the history holds.
    monkeypatch.setattr("evergreen.metrics.cloudwatch.MAX_QUERIES", 10)
    count = 11
    for number in range(count):
        aws.put_metric("Requests", NOW - SECOND, float(number), model="m", endpoint=f"e{number}")
    with intercepted(aws.cloudwatch, "GetMetricData") as calls:
        found = scrape(aws)
    values = [value for (name, _), value in found.items() if name == "evergreen_requests_total"]
    assert sorted(values) == [float(number) for number in range(count)]
    assert max(len(call["MetricDataQueries"]) for call in calls) == 10


def of_parts(part: str) -> Callable[[Mapping[str, Any]], None]:
    """Refuse the calls of one part, which its statistic and period tell apart."""
    told = {
        "totals": ("Sum", 86400),
        "quantiles": ("Maximum", 300),
        "gauges": ("Average", 60),
        "seldom": ("Average", 3600),
    }[part]

    def answer(asked: Mapping[str, Any]) -> None:
        stats = [query["MetricStat"] for query in asked["MetricDataQueries"]]
        if any((stat["Stat"], stat["Period"]) == told for stat in stats):
            raise refusal("Throttling")

    return answer


@pytest.mark.parametrize("part", ["totals", "quantiles", "gauges", "seldom"])
def test_what_cloudwatch_does_not_answer_is_left_out_and_told(aws: Account, part: str) -> None:
    labels = {"model": "m", "endpoint": "predict"}
    aws.put_metric("ResponseTime", NOW - SECOND, 100.0, **labels)
    aws.put_metric("CpuUtilization", NOW - SECOND, 20.0, model="m")
    aws.put_metric("DriftedFeatures", NOW - 25 * HOUR, 3.0, model="m")
    read_of = {
        "totals": key("evergreen_response_time_seconds_sum", **labels),
        "quantiles": key("evergreen_response_time_seconds", quantile="1", **labels),
        "gauges": key("evergreen_cpu_utilization_ratio", model="m"),
        "seldom": key("evergreen_drifted_features", model="m"),
    }
    with intercepted(aws.cloudwatch, "GetMetricData", of_parts(part)):
        found = scrape(aws)
    assert {name for name, sample in read_of.items() if sample not in found} == {part}
    assert {name for name in READ_PARTS if found[key(UNREAD, part=name)]} == {part}
    # A total that was not read is not 0: Prometheus would take that for a restart.
    spills = key("evergreen_log_spills_total", model="m")
    assert (spills in found) is (part != "totals")


def test_without_a_list_the_last_one_is_used(aws: Account) -> None:
    aws.put_metric("CpuUtilization", NOW - SECOND, 20.0, model="m")
    collector = CloudWatchCollector(aws.cloudwatch, lambda: NOW)
    whole = generate_latest(collector).decode()
    out_of_time = OutOfTimeError(operation="ListMetrics", needed=6, left=1.0)
    with failing(aws.cloudwatch, out_of_time, "ListMetrics"):
        part = generate_latest(collector).decode()
    assert collector.unread == {"list"}
    assert part == whole.replace(f'{UNREAD}{{part="list"}} 0.0', f'{UNREAD}{{part="list"}} 1.0')


def test_after_a_part_without_an_answer_the_later_ones_are_not_asked_for(aws: Account) -> None:
    aws.put_metric("CpuUtilization", NOW - SECOND, 20.0, model="m")
    aws.put_metric("DriftedFeatures", NOW - 25 * HOUR, 3.0, model="m")
    collector = CloudWatchCollector(aws.cloudwatch, lambda: NOW)
    asked: list[Any] = []

    def never(call: Mapping[str, Any]) -> None:
        asked.append(call)
        raise OutOfTimeError(operation="GetMetricData", needed=6, left=1.0)

    with intercepted(aws.cloudwatch, "GetMetricData", never):
        generate_latest(collector)
    assert len(asked) == 1
    assert collector.unread >= {"totals", "gauges"}
    generate_latest(collector)
    assert collector.unread == set()


class Gateway:
    """Holds one API key, as API Gateway does."""

    def get_api_key(self, *, apiKey: str, includeValue: bool) -> Any:  # noqa: N803
        assert (apiKey, includeValue) == ("key-1", True)
        return {"value": "s3cret"}


@pytest.fixture
def called(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    made: dict[str, Any] = {"cloudwatch": aws.cloudwatch, "apigateway": Gateway()}
    monkeypatch.setenv("EVERGREEN_API_KEY_ID", "key-1")
    monkeypatch.setenv("EVERGREEN_QUANTILES", "0.5 0.99")
    monkeypatch.setattr(clients, "aws_client", lambda name: made[name])
    for cached in (settings, module._collector, module._api_key, module._answer):
        cached.cache_clear()
    yield aws
    for cached in (settings, module._collector, module._api_key, module._answer):
        cached.cache_clear()


def call(headers: dict[str, str] | None) -> dict[str, Any]:
    context: Any = Context(function_name="export-metrics")
    return module.handler(event("GET", "/metrics") | {"headers": headers}, context)


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer s3cret"},
        {"authorization": "bearer s3cret"},
        {"X-Api-Key": "s3cret"},
    ],
)
def test_the_api_key_opens_either_way(called: Account, headers: dict[str, str]) -> None:
    answer = call(headers)
    assert answer["statusCode"] == 200
    assert answer["headers"]["content-type"].startswith("text/plain; version=0.0.4")
    assert "# TYPE evergreen_requests_total counter" in answer["body"]


@pytest.mark.parametrize(
    "headers",
    [
        None,
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic s3cret"},
        {"x-api-key": ""},
        {"x-api-key": "schlüssel"},
    ],
)
def test_nothing_else_does_and_cloudwatch_is_not_asked(
    called: Account, headers: dict[str, str] | None
) -> None:
    called.put_metric("Healthy", NOW, 1.0, model="m")
    with intercepted(called.cloudwatch, None) as calls:
        answer = call(headers)
    assert answer["statusCode"] == 403
    assert json.loads(answer["body"])["status"] == 403
    assert calls == []


def test_a_cloudwatch_that_hangs_makes_no_failed_scrape(called: Account) -> None:
    called.put_metric("Healthy", NOW, 1.0, model="m")
    late = OutOfTimeError(operation="any", needed=6, left=1.0)
    with failing(called.cloudwatch, late):
        answer = call({"x-api-key": "s3cret"})
    assert answer["statusCode"] == 200
    assert f'{UNREAD}{{part="list"}} 1.0' in answer["body"]


def test_a_key_that_cannot_be_read_is_503(called: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(_self: Gateway, **_: str) -> None:
        raise OutOfTimeError(operation="GetApiKey", needed=6, left=1.0)

    monkeypatch.setattr(Gateway, "get_api_key", hang)
    answer = call({"x-api-key": "s3cret"})
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["detail"] == "the API key cannot be checked now"


def test_an_answer_is_given_again_for_a_while_and_cloudwatch_is_asked_once(
    called: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = 600.0
    monkeypatch.setattr("time.monotonic", lambda: seconds)
    key = {"x-api-key": "s3cret"}
    with intercepted(called.cloudwatch, "ListMetrics") as asked:
        first = call(key)["body"]
        once = len(asked)
        seconds += 59
        assert call(key)["body"] == first
        assert len(asked) == once > 0
        assert call({"x-api-key": "wrong"})["statusCode"] == 403
        seconds += 1
        call(key)
        assert len(asked) > once


@pytest.mark.parametrize("text", ["0.5 1", "0", "half"])
def test_quantiles_lie_between_0_and_1(text: str) -> None:
    with pytest.raises(ValueError, match="EVERGREEN_QUANTILES"):
        Settings.model_validate({"EVERGREEN_API_KEY_ID": "k", "EVERGREEN_QUANTILES": text})
