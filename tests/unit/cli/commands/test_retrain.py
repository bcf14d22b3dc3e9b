"""What a person is told of a retraining; a whole one is followed in tests/integration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cli.commands.retrain import describe_result, follow
from cli.shared import executions
from cli.shared.target import Target

if TYPE_CHECKING:
    from collections.abc import Iterator

ARN = "arn:aws:states:us-east-1:000000000000:execution:retrain:1"
TARGET = Target("dev", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})


def result(**changes: Any) -> dict[str, Any]:
    return {"execution": ARN, "status": "SUCCEEDED", "output": None} | changes


@pytest.mark.parametrize(("decision", "done"), [("promote", "promoted"), ("reject", "rejected")])
def test_a_decision_is_told_with_its_reason(decision: str, done: str) -> None:
    output = {"decision": decision, "challenger": "7", "reason": "f1 is better"}
    assert describe_result("fruit", result(output=output)).startswith(
        f"Version 7 of fruit was {done}: f1 is better."
    )


def test_what_was_skipped_or_ended_without_a_decision_is_told_too() -> None:
    error = {"Error": "NotEnoughDataError", "Cause": "19 labelled rows"}
    skipped = describe_result("fruit", result(output={"error": error}))
    assert skipped == "Skipped: NotEnoughDataError: 19 labelled rows"
    assert ARN in describe_result("fruit", result(status="ABORTED"))


def test_an_interruption_stops_the_watching_and_says_how_to_stop_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_target: Target, _execution: str, _waits: object) -> Iterator[str]:
        yield "Take the lock"
        raise KeyboardInterrupt

    monkeypatch.setattr(executions, "states", interrupted)
    with pytest.raises(KeyboardInterrupt):
        follow(TARGET, ARN)
    said = " ".join(capsys.readouterr().err.split())
    assert "the execution goes on" in said
    where = "--endpoint-url http://127.0.0.1:1"
    assert f"aws {where} stepfunctions stop-execution --execution-arn {ARN}" in said
