"""The decision between two retrainings: windows in a row, one that runs, and the cooldown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.drift_checks import (
    BOTH,
    DAY,
    FALLEN,
    HOUR,
    NOON,
    conclude,
    decided,
    features,
    in_doubt,
)

if TYPE_CHECKING:
    from datetime import timedelta


def test_not_confirmed_says_how_many_windows_are_in_a_row() -> None:
    history = [decided(NOON - DAY)]
    decision = conclude(features("a"), history=history, consecutive=3)
    assert (decision.outcome, decision.start_retraining) == ("not_confirmed", False)
    assert decision.reason.endswith("no retraining: 2 of 3 windows in a row")
    history += [decided(NOON - 2 * DAY)]
    assert conclude(features("a"), history=history, consecutive=3).start_retraining
    # What lies in the future of the check is not looked at.
    later = [decided(NOON - DAY), decided(NOON + DAY)]
    assert not conclude(features("a"), history=later, consecutive=3).start_retraining


def test_any_one_enabled_trigger_confirms() -> None:
    history = [decided(NOON - DAY, ("performance",), "no_drift")]
    decision = conclude(features("a"), performance=FALLEN, history=history, consecutive=2, on=BOTH)
    assert decision.start_retraining
    decision = conclude(
        features("a"), performance=FALLEN, history=history, consecutive=2, on=("data_drift",)
    )
    assert decision.outcome == "not_confirmed"


def test_what_is_in_doubt_takes_two_windows() -> None:
    doubtful = in_doubt(features("a"))
    alone = conclude(doubtful)
    assert (alone.outcome, alone.verdict) == ("not_confirmed", "drift")
    assert alone.reason.endswith("no retraining: 1 of 2 windows in a row (the drift is in doubt)")
    assert conclude(doubtful, history=[decided(NOON - DAY)]).start_retraining
    assert conclude(doubtful, consecutive=1).start_retraining
    assert conclude(features("a")).start_retraining
    # A fallen metric does harm while it waits.
    assert conclude(doubtful, performance=FALLEN).because == ("performance",)


def test_no_second_retraining_is_asked_for_while_one_runs() -> None:
    decision = conclude(features("a"), runs=True)
    assert (decision.outcome, decision.start_retraining) == ("retraining_runs", False)
    assert decision.verdict == "drift"
    assert decision.reason.endswith("no retraining: the model is being retrained")
    assert conclude(runs=True).outcome == "nothing_moved"


@pytest.mark.parametrize(
    ("ago", "starts"), [(HOUR, False), (5.99 * HOUR, False), (6 * HOUR, True), (DAY, True)]
)
def test_cooldown(ago: timedelta, starts: bool) -> None:
    decision = conclude(
        features("a"), history=[decided(NOON - ago, started=True)], cooldown=6 * HOUR
    )
    assert decision.verdict == "drift"
    assert decision.outcome == ("retraining_starts" if starts else "cooldown")
    assert ("the cooldown is 6:00:00" in decision.reason) is not starts


def test_cooldown_counts_from_starts_only_and_over_all_versions_and_windows() -> None:
    assert conclude(features("a"), history=[decided(NOON - HOUR)]).start_retraining
    elsewhere = decided(NOON - HOUR, started=True, version="0", window=HOUR)
    assert conclude(features("a"), history=[elsewhere]).outcome == "cooldown"


@pytest.mark.parametrize(
    ("ago", "starts"), [(30 * DAY, False), (44.9 * DAY, False), (45 * DAY, True), (58 * DAY, True)]
)
def test_without_a_cooldown_a_check_lies_between_two_retrainings_for_a_finding(
    ago: timedelta, starts: bool
) -> None:
    history = [decided(NOON - ago, started=True)]
    decision = conclude(features("a"), history=history, every=30 * DAY)
    assert decision.outcome == ("retraining_starts" if starts else "cooldown")
    # A cooldown that is set holds as it is, and so does that of a model that is checked often.
    assert conclude(
        features("a"), history=history, every=30 * DAY, cooldown=29 * DAY
    ).start_retraining
    assert conclude(features("a"), history=history, every=HOUR).start_retraining
