"""What is written at the end of an invocation, and that CloudWatch would take it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.metrics.catalog import DIMENSIONS, SPECS, Metric
from evergreen_lambda_executor.metrics import read_line
from functions.shared import metrics
from functions.shared.metrics import Recorder, ServiceWatch
from tests.support.gateway_events import Context

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT: Any = Context()


def written(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def data(lines: list[str]) -> list[tuple[str, frozenset[tuple[str, str]], float]]:
    """Return (metric, dimensions, sum) as CloudWatch would keep them."""
    return [
        (series.name, frozenset(series.dimensions), sum(values))
        for line in lines
        for _, series, values in read_line(line)
    ]


def test_a_total_and_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("bus")
    recorder.record(Metric.PREDICTIONS, 5)
    recorder.record(Metric.OUTPUTS, 3, "late")
    recorder.record(Metric.OUTPUTS, 2, "on time")
    recorder.record(Metric.REQUESTS, 1, "/ping")
    recorder.flush()
    bus, late, on_time = ("model", "bus"), ("output", "late"), ("output", "on time")
    assert sorted(data(written(capsys)), key=str) == sorted(
        [
            ("Predictions", frozenset([bus]), 5),
            ("Outputs", frozenset([bus]), 3),
            ("Outputs", frozenset([bus]), 2),
            ("Outputs", frozenset([bus, late]), 3),
            ("Outputs", frozenset([bus, on_time]), 2),
            ("Requests", frozenset([bus]), 1),
            ("Requests", frozenset([bus, ("endpoint", "/ping")]), 1),
        ],
        key=str,
    )


def test_one_line_carries_all_that_has_one_value(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("bus")
    for spec in SPECS:
        recorder.record(spec.metric, 1, "one" if spec.by else None)
    recorder.flush()
    (line,) = written(capsys)
    assert {name for name, _, _ in data([line])} == set(Metric)
    assert max(len(each["Metrics"]) for each in json.loads(line)["_aws"]["CloudWatchMetrics"]) < 100


def test_nothing_is_written_twice_and_nothing_without_a_value(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder = Recorder("bus")
    recorder.flush()
    recorder.record(Metric.PREDICTIONS, 1)
    recorder.flush()
    recorder.flush()
    assert len(written(capsys)) == 1


def test_counters_are_written_as_zero(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("bus", [Metric.LOG_SPILLS, Metric.PREDICTIONS])
    recorder.record(Metric.PREDICTIONS, 4)
    recorder.flush()
    recorder.flush()
    sums = [(name, total) for name, _, total in data(written(capsys))]
    assert sums == [("Predictions", 4), ("LogSpills", 0), ("LogSpills", 0), ("Predictions", 0)]


@pytest.mark.parametrize(("metric", "by"), [(Metric.REQUESTS, None), (Metric.PREDICTIONS, "x")])
def test_what_the_table_does_not_say_is_refused(metric: Metric, by: str | None) -> None:
    with pytest.raises(ValueError, match=metric):
        Recorder("bus").record(metric, 1, by)


def test_a_lean_deployment_has_only_totals_of_what_grows_with_callers_and_features(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_LEAN", True)
    recorder = Recorder("m")
    for network in ("10.0.0.0/8", "11.0.0.0/8"):
        recorder.record(Metric.ORIGINS, 1, network)
    for feature, effect in (("a", 0.2), ("b", 0.4)):
        recorder.record(Metric.EFFECT_SIZE, effect, feature)
    recorder.record(Metric.RESPONSES, 1, "200")
    recorder.flush()
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines()]
    dimensions = {
        each["Name"]: told["Dimensions"]
        for told in line["_aws"]["CloudWatchMetrics"]
        for each in told["Metrics"]
    }
    assert dimensions[Metric.ORIGINS] == dimensions[Metric.EFFECT_SIZE] == [["model"]]
    assert dimensions[Metric.RESPONSES] == [["model"], ["model", "status"]]
    assert line[Metric.ORIGINS] == [1, 1]


def test_classes_beyond_ascii_stay_apart(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("weather")
    for number, name in enumerate(["晴", "雨", "雪", "hei\u00df"], 1):
        recorder.record(Metric.OUTPUTS, number, name)
    recorder.flush()
    found = [json.loads(line)["output"] for line in capsys.readouterr().out.splitlines()]
    assert found == ["\\u6674", "\\u96e8", "\\u96ea", "hei\\xdf"]


@given(st.text())
def test_any_class_is_a_dimension_that_cloudwatch_takes(text: str) -> None:
    recorder = Recorder("bus")
    recorder.record(Metric.OUTPUTS, 1, text)
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("sys.stdout.write", lines.append)
        recorder.flush()
    (line,) = lines
    value = json.loads(line)["output"]
    assert value.strip()
    assert value.isascii()
    assert len(value) <= 1024
    assert not value.startswith(":")
    assert line.count("\n") == 1


def test_more_values_than_a_line_may_have_get_further_lines(
    capsys: pytest.CaptureFixture[str],
) -> None:
    recorder = Recorder("bus")
    for number in range(250):
        recorder.record(Metric.BATCH_SIZE, number)
    recorder.record(Metric.HEALTHY, 1)
    for endpoint in ("/a", "/b"):
        for number in range(101):
            recorder.record(Metric.RESPONSE_TIME, number, endpoint)
    recorder.flush()
    lines = [json.loads(line) for line in written(capsys)]
    assert [len(line.get("BatchSize", [])) for line in lines] == [100, 100, 50, 0]
    times = [(line["endpoint"], len(line["ResponseTime"])) for line in lines]
    assert times == [("/a", 100), ("/a", 1), ("/b", 100), ("/b", 1)]
    assert sum(map(sum, (line.get("Healthy", []) for line in lines))) == 1


def test_every_second_dimension_is_explained() -> None:
    assert {spec.by for spec in SPECS if spec.by} == set(DIMENSIONS)


def test_an_environment_is_new_once(capsys: pytest.CaptureFixture[str]) -> None:
    recorder, watch = Recorder("bus"), ServiceWatch()
    for _ in range(2):
        with watch.watch(recorder, CONTEXT):
            sum(range(100_000))
        recorder.flush()
    first, second = (json.loads(line) for line in written(capsys))
    assert (first["ColdStarts"], second["ColdStarts"]) == ([1], [0])
    assert second["Uptime"][0] > first["Uptime"][0] > 0
    assert first["CpuUtilization"][0] > 0
    limit = CONTEXT.memory_limit_in_mb * 2**20
    assert first["MemoryUtilization"][0] == pytest.approx(first["MemoryUsed"][0] * 1e8 / limit)
    assert {*first} >= {"DiskRead", "DiskWritten"}


def test_what_goes_to_disk_is_counted(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recorder = Recorder("bus")
    with ServiceWatch().watch(recorder, CONTEXT), (tmp_path / "file").open("wb") as file:
        file.write(b"x" * 2**20)
        file.flush()
        os.fsync(file.fileno())
    recorder.flush()
    (line,) = map(json.loads, written(capsys))
    # A file system in memory writes nothing; all others at least what was written.
    assert line["DiskWritten"][0] in {0, *range(2**20, 2**21)}


def test_an_invocation_that_fails_is_watched_too(capsys: pytest.CaptureFixture[str]) -> None:
    recorder = Recorder("bus")
    with pytest.raises(KeyError), ServiceWatch().watch(recorder, CONTEXT):
        raise KeyError
    recorder.flush()
    assert len(written(capsys)) == 1
