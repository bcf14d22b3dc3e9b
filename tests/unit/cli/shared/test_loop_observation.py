"""What a demonstration sees, wherever the schedule puts the check.

Step Functions is a stand-in here: on LocalStack nobody can choose when the schedule comes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from cli.shared import loop_observation
from cli.shared.examples import find_example
from cli.shared.loop_observation import Loop, LoopError, seconds_to_next_check, until_next_check

if TYPE_CHECKING:
    from cli.shared.target import Target

DEFINITION = find_example("flight_delay").definition
BEGAN = datetime(2026, 4, 1, 12, tzinfo=UTC)
ENDED = BEGAN + timedelta(seconds=30)
LATER = ENDED + timedelta(seconds=60)


class StateMachine:
    """Executions as Step Functions lists and describes them."""

    def __init__(self, *executions: dict[str, Any]) -> None:
        self.executions = executions

    def get_paginator(self, _operation: str) -> Any:
        return SimpleNamespace(paginate=lambda **_: [{"executions": self.executions}])

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        return next(each for each in self.executions if each["executionArn"] == executionArn)

    def get_execution_history(self, **_: object) -> dict[str, Any]:
        return {"events": []}


def execution(
    at: datetime, model: str = "flight_delay", status: str = "SUCCEEDED", **output: object
) -> dict[str, Any]:
    return {
        "executionArn": f"arn:{model}:{at.isoformat()}",
        "startDate": at,
        "stopDate": None if status == "RUNNING" else at,
        "status": status,
        "input": json.dumps({"detail": {"model": model}}),
        "output": json.dumps(output),
    }


def loop(*executions: dict[str, Any]) -> Loop:
    target = SimpleNamespace(
        storage=None,
        client=lambda _: StateMachine(*executions),
        output=lambda _: "arn",
    )
    return Loop(cast("Target", target), DEFINITION)


def decisions(monkeypatch: pytest.MonkeyPatch, *ends: datetime) -> None:
    records = [SimpleNamespace(window_end=end, timestamp=end, check_id=str(end)) for end in ends]
    monkeypatch.setattr(loop_observation, "read_drift_decisions", lambda *_: records)


def test_checks_that_saw_a_part_and_the_one_that_saw_all_are_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    within = BEGAN + timedelta(seconds=10)
    decisions(monkeypatch, within, LATER)
    checks = loop().wait_for_checks(BEGAN, ENDED, seconds=0)
    assert [check.window_end for check in checks] == [within, LATER]
    decisions(monkeypatch, within)
    with pytest.raises(LoopError, match="no drift check ran"):
        loop().wait_for_checks(BEGAN, ENDED, seconds=-1)


@pytest.mark.parametrize(
    ("ago", "every", "says"),
    [
        (None, 60, "waiting for the scheduled drift check"),
        (20, 0, "waiting for the scheduled drift check"),
        (20, 60, "the next one is due in 40 s"),
        (60, 60, "the next one is due now"),
        (75, 60, "the next one is due now"),
    ],
)
def test_the_wait_for_a_check_counts_down(ago: int | None, every: int, says: str) -> None:
    newest = None if ago is None else LATER - timedelta(seconds=ago)
    assert until_next_check(newest, timedelta(seconds=every), LATER) == says


def test_a_check_before_the_replay_tells_when_the_next_is_due_and_is_not_returned(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    decisions(monkeypatch, BEGAN - timedelta(seconds=5), LATER)
    assert [check.window_end for check in loop().wait_for_checks(BEGAN, ENDED, seconds=0)] == [
        LATER
    ]


def test_the_next_check_is_counted_from_the_newest_that_the_schedule_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    minute = timedelta(minutes=1)
    scheduled = datetime.now(UTC) - timedelta(seconds=20)
    by_hand = scheduled + timedelta(seconds=5)
    decisions(monkeypatch, scheduled, by_hand)
    left = replace(loop(), every=minute, by_hand=[str(by_hand)]).seconds_to_next_check()
    assert left is not None
    assert left < 40.1
    assert seconds_to_next_check(scheduled, minute, by_hand) == 55
    assert seconds_to_next_check(scheduled, minute, scheduled + 2 * minute) == 0
    decisions(monkeypatch)
    assert replace(loop(), every=minute).seconds_to_next_check() is None


def test_the_retraining_that_a_check_within_the_replay_started_is_seen() -> None:
    """The later check asks for one too, and that one is skipped, because the first still runs."""
    started = execution(BEGAN + timedelta(seconds=12), decision="promote")
    skipped = execution(LATER, error={"Error": "RetrainingInProgressError"})
    found = loop(skipped, started).wait_for_executions(BEGAN, 2, seconds=0)
    assert [(each.arn, each.promoted) for each in found] == [(started["executionArn"], True)]


def test_each_that_decided_is_returned_and_those_of_others_are_not() -> None:
    before = execution(BEGAN - timedelta(seconds=1), decision="promote")
    other = execution(LATER, "daily_ridership", decision="promote")
    first = execution(ENDED, decision="reject")
    second = execution(LATER, decision="promote")
    found = loop(second, other, first, before).wait_for_executions(BEGAN, 2, seconds=0)
    assert [each.promoted for each in found] == [False, True]


@pytest.mark.parametrize(
    "executions",
    [
        [],
        [execution(LATER, status="RUNNING")],
        [execution(LATER, "daily_ridership", decision="promote")],
    ],
    ids=["none started", "one runs", "another model's"],
)
def test_what_has_not_ended_is_waited_for(executions: list[dict[str, Any]]) -> None:
    with pytest.raises(LoopError, match="no execution of the state machine ended"):
        loop(*executions).wait_for_executions(BEGAN, 1, seconds=-1)


def test_one_that_ran_already_is_waited_for_and_is_not_one_that_was_requested() -> None:
    earlier = execution(BEGAN - timedelta(seconds=5), decision="promote") | {"stopDate": LATER}
    found = loop(earlier).wait_for_executions(BEGAN, 0, seconds=0)
    assert [each.promoted for each in found] == [True]
    with pytest.raises(LoopError, match="no execution of the state machine ended"):
        loop(earlier).wait_for_executions(BEGAN, 1, seconds=-1)


def test_a_failed_execution_is_an_error_with_its_cause() -> None:
    failed = {**execution(LATER, status="FAILED"), "error": "OutOfMemory", "cause": "too large"}
    with pytest.raises(LoopError, match="failed: OutOfMemory: too large"):
        loop(failed).wait_for_executions(BEGAN, 1, seconds=0)
