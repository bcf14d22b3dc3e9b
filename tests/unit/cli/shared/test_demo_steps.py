"""What the demonstration says of the drift checks, however far away the schedule's next one is.

The loop is a stand-in: on LocalStack nobody can choose when the schedule comes.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from rich.console import Console

from cli.shared.demo_steps import OnceAround
from cli.shared.demo_story import Story
from cli.shared.loop_observation import Execution
from cli.shared.progress import Steps
from evergreen.clock import utc_now

if TYPE_CHECKING:
    from cli.shared.loop_observation import Loop
    from cli.shared.target import Target

BEGAN = datetime(2026, 4, 1, 12, tzinfo=UTC)
LATER = datetime(2999, 1, 1, tzinfo=UTC)
PROMOTED = Execution("arn", {"decision": "promote", "reason": "better"})


def check(
    end: datetime, verdict: str, *, starts: bool = False, rows: int = 8371, outcome: str = ""
) -> Any:
    return SimpleNamespace(
        check_id=f"{end}",
        timestamp=end,
        window_end=end,
        verdict=verdict,
        outcome=outcome,
        reason="why",
        rows=rows,
        model_version="7",
        start_retraining=starts,
    )


class StandIn:
    """A loop whose schedule is ``left`` seconds away."""

    every = timedelta(minutes=1)

    def __init__(self, left: float | None, *checks: Any) -> None:
        self.left, self.checks, self.started = left, checks, 0
        self.later: list[Any] = []

    def wait_for_log(self, *_: object) -> int:
        return 8371

    def seconds_to_next_check(self) -> float | None:
        return self.left

    def check_now(self) -> str:
        self.started += 1
        return "by hand"

    def wait_for_checks(self, *_: object) -> tuple[Any, ...]:
        return self.checks

    def wait_for_executions(self, *_: object) -> list[Execution]:
        return [PROMOTED]


def run(
    loop: StandIn, patience: timedelta = timedelta(seconds=10)
) -> tuple[OnceAround, list[Execution], str]:
    text = StringIO()
    steps = Steps(Console(file=text, width=200))
    around = OnceAround(cast("Target", None), Story(patience=patience), steps)
    around._checks = lambda: list(loop.later)  # type: ignore[method-assign]
    around._loop = lambda *_: cast("Loop", loop)  # type: ignore[method-assign]
    executions = around._retrainings(BEGAN, 8371)
    return around, executions, text.getvalue()


@pytest.mark.parametrize(
    ("left", "when"), [(48.0, "in 48 s"), (None, "within 1 minute")], ids=["far", "unknown"]
)
def test_a_check_that_is_far_away_is_started_and_that_is_said(
    left: float | None, when: str
) -> None:
    loop = StandIn(left, check(LATER, "drift", starts=True))
    around, executions, text = run(loop)
    assert (loop.started, around.started_checks) == (1, ["by hand"])
    assert f"the schedule's next check was due {when}, so the demo started one" in text
    assert "drift: why" in text
    assert executions == [PROMOTED]


@pytest.mark.parametrize("left", [3.0, 10.0, 0.0])
def test_a_check_that_is_near_is_waited_for(left: float) -> None:
    loop = StandIn(left, check(LATER, "no_drift"))
    around, executions, text = run(loop)
    assert (loop.started, around.started_checks, executions) == (0, [], [])
    assert "the demo started one" not in text


@pytest.mark.parametrize("left", [48.0, None])
def test_who_has_patience_sees_the_schedule(left: float | None) -> None:
    loop = StandIn(left, check(LATER, "no_drift"))
    around, _, _ = run(loop, timedelta(minutes=1))
    assert (loop.started, around.started_checks) == (0, [])


def test_a_check_within_the_replay_says_that_it_saw_a_part() -> None:
    within = check(utc_now(), "drift", starts=True, rows=3000)
    after = check(LATER, "insufficient_data")
    _, executions, text = run(StandIn(48.0, within, after))
    assert "a part of the rows (3,000): drift: why" in text
    assert "      insufficient_data: why" in text
    assert "promote: better" in text
    assert executions == [PROMOTED]


def test_a_check_during_the_retraining_is_shown_after_it() -> None:
    loop = StandIn(48.0, check(LATER, "drift", starts=True))
    loop.later = [*loop.checks, check(LATER + timedelta(minutes=1), "insufficient_data")]
    _, _, text = run(loop)
    assert text.count("drift: why") == 1
    assert "the check of 00:01:00, of version 7: insufficient_data: why" in text


def test_a_retraining_that_began_before_the_replay_is_waited_for_and_shown_once() -> None:
    """The rows of an earlier version had started it while the first champion was trained."""
    before = check(BEGAN - timedelta(seconds=9), "drift", starts=True)
    after = check(LATER, "drift", outcome="retraining_runs")
    around, executions, text = run(StandIn(48.0, before, after))
    assert "before these rows came in, of version 7: drift: why" in text
    assert executions == [PROMOTED]
    assert around._retrainings(BEGAN, 16_742) == []
