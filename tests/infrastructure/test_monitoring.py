"""The alarms and the dashboard: none missing, each with somebody to tell and something to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.metrics.catalog import SPECS, Metric
from evergreen.metrics.freshness import OF_ALL_MODELS, OLD_AFTER, WRITTEN
from tests.support.templates import flat, resources

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates

ROOT = Path(__file__).resolve().parents[2]
OF_A_MODEL = {
    "ServerErrors",
    "ResponseTime",
    "LogSpills",
    "ModelLoadFailures",
    "Throttles",
    "DriftCheckMissing",
    "LiveMetricWorse",
    "RawWaiting",
    "MetricsOld",
    "NoTraffic",
}
OF_ALL = {
    "ApiErrors",
    "CheckDriftErrors",
    "CompactLogsErrors",
    "RetrainingFailed",
    "RetrainingTimedOut",
    "ServingDeadLetters",
    "DriftDeadLetters",
    "AlertsDeadLetters",
    "RetrainingDeadLetters",
}


def alarms(templates: Templates) -> dict[str, dict[str, Any]]:
    found = resources(templates["Monitoring"], "AWS::CloudWatch::Alarm").values()
    return {each["AlarmName"].removeprefix("evergreen-dev-"): each for each in found}


def stats(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """What an alarm watches; one on a sum watches several metrics."""
    if "Metrics" not in alarm:
        return [alarm]
    parts = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [
        {**each["Metric"], "Period": each["Period"], "Statistic": each["Stat"]} for each in parts
    ]


def queues(templates: Templates) -> set[str]:
    return {
        queue["QueueName"]
        for template in templates.values()
        for queue in resources(template, "AWS::SQS::Queue").values()
    }


def functions(templates: Templates) -> set[str]:
    return {
        function["FunctionName"]
        for template in templates.values()
        for function in resources(template, "AWS::Lambda::Function").values()
    }


def test_none_is_missing(aws: Templates, emulator: Templates) -> None:
    expected = OF_ALL | {f"FlightDelay{name}" for name in OF_A_MODEL}
    assert set(alarms(aws)) >= expected
    # CloudWatch looks back seven days at most, and this model is checked once in seven days.
    assert set(alarms(emulator)) - set(alarms(aws)) == {"DailyRidershipDriftCheckMissing"}
    assert set(alarms(aws)) <= set(alarms(emulator))


def test_an_alarm_about_silence_waits_longer_than_the_schedule_takes(
    unusual_emulator: Templates,
) -> None:
    """CloudWatch's longest period is a day; two days without a check are no silence then."""
    found = alarms(unusual_emulator)
    watched = {
        name: (
            found[f"FlightDelay{name}"]["Period"],
            found[f"FlightDelay{name}"]["EvaluationPeriods"],
        )
        for name in ("DriftCheckMissing", "RawWaiting", "NoTraffic")
    }
    assert watched == {
        "DriftCheckMissing": (86_400, 6),
        "RawWaiting": (86_400, 4),
        "NoTraffic": (86_400, 4),
    }


def test_each_tells_people_that_it_began_and_ended_and_what_to_do(aws: Templates) -> None:
    for name, alarm in alarms(aws).items():
        for actions in (alarm["AlarmActions"], alarm["OKActions"]):
            assert "Alerts" in flat(actions[0]), name
        assert len(alarm["AlarmDescription"].split()) > 15, name
        assert len(alarm["AlarmDescription"]) <= 1024, name
        _, runbook = alarm["AlarmDescription"].split(" Runbook: ")
        assert (ROOT / runbook).is_file(), name


def test_errors_and_failed_loads_take_a_promotion_back_and_nothing_else_does(
    aws: Templates, models: Path
) -> None:
    acting = {
        name: flat(alarm["AlarmActions"][1])
        for name, alarm in alarms(aws).items()
        if len(alarm["AlarmActions"]) > 1
    }
    names = [path.parent.name.title().replace("_", "") for path in models.glob("*/model.toml")]
    assert {*acting} == {
        name + metric for name in names for metric in ("ServerErrors", "ModelLoadFailures")
    }
    assert {arn.rsplit(":", 1)[-1] for arn in acting.values()} == {"evergreen-dev-roll-back"}
    assert "evergreen-dev-roll-back" in functions(aws)
    assert all(len(alarm["OKActions"]) == 1 for alarm in alarms(aws).values())


def test_a_model_may_be_kept_from_going_back_by_itself(unusual: Templates) -> None:
    found = alarms(unusual)
    assert {len(alarm["AlarmActions"]) for alarm in found.values()} == {1}
    assert "by itself" not in found["FlightDelayServerErrors"]["AlarmDescription"]


def test_each_watches_something_that_exists(aws: Templates) -> None:
    known: dict[str, set[str]] = {
        "Evergreen": {*Metric},
        "AWS/Lambda": {"Errors", "Throttles"},
        "AWS/ApiGateway": {"5XXError"},
        "AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut"},
        "AWS/SQS": {"ApproximateNumberOfMessagesVisible"},
    }
    for alarm in (each for every in alarms(aws).values() for each in stats(every)):
        assert alarm["MetricName"] in known[alarm["Namespace"]]
        ((dimension, value),) = [(d["Name"], flat(d["Value"])) for d in alarm["Dimensions"]]
        match dimension:
            case "FunctionName":
                assert value in functions(aws)
            case "QueueName":
                assert value in queues(aws)
            case "ApiName":
                (api,) = resources(aws["Serving"], "AWS::ApiGateway::RestApi").values()
                assert value == api["Name"]


def test_no_period_is_one_that_cloudwatch_refuses(aws: Templates, emulator: Templates) -> None:
    for alarm in [*alarms(aws).values(), *alarms(emulator).values()]:
        (period,) = {each["Period"] for each in stats(alarm)}
        assert period % 60 == 0
        seconds = period * alarm["EvaluationPeriods"]
        assert seconds <= (86_400 if period < 3600 else 7 * 86_400)


def test_the_emulator_has_the_maximum_where_aws_has_a_percentile(
    aws: Templates, emulator: Templates
) -> None:
    names = {name for name, alarm in alarms(aws).items() if "ExtendedStatistic" in alarm}
    assert {alarms(aws)[name]["ExtendedStatistic"] for name in names} == {"p99"}
    assert {alarms(emulator)[name]["Statistic"] for name in names} == {"Maximum"}
    assert not [alarm for alarm in alarms(emulator).values() if "Metrics" in alarm]


def test_silence_is_an_alarm_for_schedules_and_traffic_alone(aws: Templates) -> None:
    silent = {n for n, each in alarms(aws).items() if each["TreatMissingData"] == "breaching"}
    assert {name.removeprefix("FlightDelay") for name in silent if "FlightDelay" in name} == {
        "DriftCheckMissing",
        "RawWaiting",
        "MetricsOld",
        "NoTraffic",
    }
    waiting = alarms(aws)["FlightDelayRawWaiting"]
    assert (waiting["Period"], waiting["EvaluationPeriods"]) == (3600, 2)
    assert waiting["Threshold"] == 27 * 3600
    check = alarms(aws)["FlightDelayDriftCheckMissing"]
    assert (check["Period"], check["EvaluationPeriods"], check["Statistic"]) == (
        3600,
        2,
        "SampleCount",
    )


def test_metrics_are_old_when_no_writer_has_written_for_three_hours(
    aws: Templates, emulator: Templates, unusual_emulator: Templates
) -> None:
    alarm = alarms(aws)["FlightDelayMetricsOld"]
    assert {each["MetricName"] for each in stats(alarm)} == {*WRITTEN}
    assert {each["Statistic"] for each in stats(alarm)} == {"SampleCount"}
    assert [each["Expression"] for each in alarm["Metrics"] if "Expression" in each] == [
        "SUM([m0, m1, m2])"
    ]
    assert {each["Period"] for each in stats(alarm)} == {OLD_AFTER.total_seconds()}
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (1, 1)
    alone = alarms(emulator)["FlightDelayMetricsOld"]
    assert (alone["MetricName"], alone["Period"]) == (OF_ALL_MODELS, OLD_AFTER.total_seconds())
    # There compaction runs each second day, and checks each third.
    rare = alarms(unusual_emulator)["FlightDelayMetricsOld"]
    assert (rare["Period"], rare["EvaluationPeriods"]) == (86_400, 6)


def test_traffic_need_not_be_watched(unusual: Templates) -> None:
    assert not [name for name in alarms(unusual) if name.endswith("NoTraffic")]


@pytest.mark.parametrize("size", ["aws", "emulator"])
def test_the_dashboard_shows_every_metric(size: str, request: pytest.FixtureRequest) -> None:
    templates: Templates = request.getfixturevalue(size)
    (dashboard,) = resources(templates["Monitoring"], "AWS::CloudWatch::Dashboard").values()
    widgets = json.loads(flat(dashboard["DashboardBody"]))["widgets"]
    graphs = [each["properties"] for each in widgets if each["type"] == "metric"]
    assert [graph["title"].split(":")[0] for graph in graphs] == [spec.metric for spec in SPECS]
    for spec, graph in zip(SPECS, graphs, strict=True):
        text = json.dumps(graph["metrics"])
        assert spec.metric in text
        if size == "emulator":
            assert "SEARCH" not in text
            assert "p99" not in text
        else:
            assert ("SEARCH" in text) == (spec.by is not None)
            assert ("p99" in text) == (spec.kind == "distribution")


def test_what_cannot_be_delivered_is_kept(aws: Templates) -> None:
    assert queues(aws) == {
        f"evergreen-dev-{name}-dead-letters"
        for name in ("serving", "drift", "alerts", "retraining")
    }
    for template in aws.values():
        for queue in resources(template, "AWS::SQS::Queue").values():
            assert queue["SqsManagedSseEnabled"] is True
        for rule in resources(template, "AWS::Events::Rule").values():
            assert all("DeadLetterConfig" in target for target in rule["Targets"])
    configs = resources(aws["Drift"], "AWS::Lambda::EventInvokeConfig").values()
    (retry,) = (each for each in configs if "CheckDrift" in flat(each["FunctionName"]))
    assert "DeadLetters" in flat(retry["DestinationConfig"]["OnFailure"]["Destination"])
