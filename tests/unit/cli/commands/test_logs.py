"""`evergreen logs` shows what functions wrote, and says which functions there are."""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from cli.commands import logs
from cli.main import app
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError
from tests.support.target_in_process import TargetInProcess

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

GROUP = "/aws/lambda/evergreen-dev-check-drift"
WARNING = {"level": "WARNING", "message": "few rows", "model": "late", "xray_trace_id": "1-2"}
METRIC = {"_aws": {"Timestamp": 1}, "WindowRows": 4}


class Log:
    """The log of a function in moto."""

    def __init__(self, account: Account) -> None:
        self.client = account.client("logs")
        for name in (GROUP, "/aws/lambda/evergreen-dev-predict-flight_delay"):
            self.client.create_log_group(logGroupName=name)
        self.client.create_log_stream(logGroupName=GROUP, logStreamName="s")

    def write(self, moment: datetime, *lines: str) -> None:
        at = int(moment.timestamp() * 1000)
        events = [{"timestamp": at + number, "message": line} for number, line in enumerate(lines)]
        self.client.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)


@pytest.fixture
def log(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Log:
    deployed = TargetInProcess.of(aws)
    monkeypatch.setattr(logs, "choose", lambda **_: deployed)
    return Log(aws)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["logs", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_lines_for_people_are_shown_with_level_and_fields(log: Log) -> None:
    now = utc_now()
    log.write(now - timedelta(hours=3), "old")
    lines = ("START RequestId: 1", json.dumps(WARNING), json.dumps(METRIC), "plain")
    log.write(now - timedelta(minutes=1), *lines)
    shown = run("check-drift").splitlines()
    assert [line.split(" ", 2)[2] for line in shown] == [
        "WARNING few rows model=late",
        "        plain",
    ]
    assert run("check_drift", "--all", "--since", "1 day").count("\n") == 5
    assert run("check-drift", "--text", "few").count("\n") == 1


def test_json_has_each_line_by_itself(log: Log) -> None:
    log.write(utc_now() - timedelta(minutes=1), json.dumps(WARNING), "plain")
    first, second = map(json.loads, run("check-drift", "--json").splitlines())
    assert (first["line"], second["line"]) == (WARNING, "plain")


def test_without_a_name_the_functions_are_listed(log: Log) -> None:
    assert run().split()[:2] == ["check-drift", "predict-flight_delay"]
    assert json.loads(run("--json"))["check-drift"] == GROUP


def test_a_wrong_name_is_answered_with_the_nearest_one(log: Log) -> None:
    with pytest.raises(EvergreenError, match="Did you mean 'check-drift'"):
        run("chek-drift")


def test_following_shows_new_lines_once_each(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    log.write(utc_now() - timedelta(minutes=1), "first")
    later = iter(["second", "third"])

    def pause(_seconds: float) -> None:
        line: Any = next(later, None)
        if line is None:
            raise KeyboardInterrupt
        log.write(utc_now(), line)

    monkeypatch.setattr(time, "sleep", pause)
    done = CliRunner().invoke(app, ["logs", "check-drift", "--follow"])
    assert done.exit_code == 130
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["first", "second", "third"]
