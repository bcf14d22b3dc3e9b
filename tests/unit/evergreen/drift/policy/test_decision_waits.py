"""The decision by labelled rows: how many each ground waits for, and after a lost challenger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.datasets.pace import RowsNeeded
from evergreen.drift.detectors.univariate import UnivariateResult
from tests.support.drift_checks import (
    BOTH,
    DAY,
    FALLEN,
    HOUR,
    MIN_ROWS,
    NEEDED,
    NOON,
    conclude,
    context,
    decided,
    features,
    jointly,
    measured,
)

if TYPE_CHECKING:
    from evergreen.drift.records import DriftDecision, UnivariateTest
    from evergreen.events import Ground

FALL = NOON - 4 * DAY
GOAL: dict[str, Any] = {"goal": 0.5, "goal_version": "1", "goal_since": FALL}


def after_a_lost_one(
    *drifted: str,
    rows: int = 0,
    because: Any = ("data_drift",),
    earlier: Any = None,
    known: Any = None,
    **fields: Any,
) -> DriftDecision:
    """Conclude a check so many labelled rows after a retraining for a drift of ``a`` that lost."""
    lost = decided(
        NOON - DAY,
        started=True,
        because=because,
        drifted_features=("a",),
        lost=earlier or {},
        **known or {},
    )
    return conclude(
        features(*drifted),
        history=[lost],
        labelled=lambda since: 1000 if since is None else rows,
        **fields,
    )


def test_backoff_after_a_drift_whose_challenger_lost() -> None:
    early, due = (after_a_lost_one("a", rows=rows) for rows in (199, 200))
    assert (early.outcome, early.triggers, early.because) == ("backoff", ("data_drift",), ())
    assert early.reason.endswith(
        "; no retraining: 199 of 200 new labelled rows since the last challenger lost (a tenth, "
        "and 1 challenger has lost)"
    )
    assert (early.lost, early.lost_at, early.lost_features) == (
        {"data_drift": 1},
        NOON - DAY,
        ("a",),
    )
    assert (due.outcome, due.because) == ("retraining_starts", ("data_drift",))
    again = [after_a_lost_one("a", rows=rows, earlier={"data_drift": 2}) for rows in (799, 800)]
    assert [each.outcome for each in again] == ["backoff", "retraining_starts"]
    assert "and 3 challengers have lost" in again[0].reason


@given(
    labelled=st.integers(0, 20_000),
    more=st.integers(0, 20_000),
    lost=st.dictionaries(st.sampled_from(sorted(NEEDED)), st.integers(0, 6)),
    moved=st.booleans(),
    fallen=st.booleans(),
)
def test_more_rows_never_make_a_retraining_less_due(
    labelled: int, more: int, lost: dict[Ground, int], moved: bool, fallen: bool
) -> None:
    before = decided(NOON - DAY, lost=lost, lost_at=NOON - 2 * DAY, lost_features=("a",))
    performance = measured(0.3, 0.5, worse=True) if fallen else None
    found = features("a") if moved else features()
    first, second = (
        conclude(found, performance=performance, history=[before], labelled=rows)
        for rows in (labelled, labelled + more)
    )
    assert set(first.because) <= set(second.because)
    assert first.start_retraining is bool(first.because)
    candidates: dict[Ground, bool] = {
        "data_drift": moved,
        "performance": fallen,
        "new_rows": True,
    }
    for ground, there in candidates.items():
        doublings = lost.get(ground, 0)
        if ground == "new_rows":  # the data set grows: after the first one as many rows again
            doublings = max(doublings - 1, 0)
        enough = labelled >= NEEDED[ground].rows * 2**doublings
        assert (ground in first.because) is (there and enough)


def test_each_ground_has_its_own_lost_challengers() -> None:
    both = after_a_lost_one("a", because=BOTH, rows=79, performance=FALLEN, known=GOAL)
    assert both.lost == {"data_drift": 1, "performance": 1}
    drift = after_a_lost_one("a", rows=150, performance=FALLEN, on=BOTH)
    assert (drift.because, drift.lost) == (("performance",), {"data_drift": 1})


def test_severe_drift_of_mostly_other_features_need_not_wait() -> None:
    assert after_a_lost_one("b").because == ("data_drift",)
    assert after_a_lost_one("a", "b", "c").start_retraining
    assert after_a_lost_one("a", "b").outcome == "backoff"
    slight = [replace_effect(test, 0.1) for test in features("b").tests]
    found = UnivariateResult(tuple(slight), None)
    lost = decided(NOON - DAY, started=True, drifted_features=("a",))
    decision = conclude(found, history=[lost], labelled=100)
    assert decision.outcome == "backoff"
    joint = after_a_lost_one(multivariate=jointly(drifted=True))
    assert joint.outcome == "backoff"  # the joint test names no feature that is new


def replace_effect(test: UnivariateTest, effect: float) -> UnivariateTest:
    return test.model_copy(update={"effect_size": effect})


@pytest.mark.parametrize(
    ("labelled", "fields", "outcome"),
    [
        (99, {}, "too_few_labels"),
        (100, {}, "retraining_starts"),
        (40, {"performance": FALLEN}, "retraining_starts"),
        (39, {"performance": FALLEN}, "too_few_labels"),
    ],
    ids=["few", "enough", "fallen", "fallen, few"],
)
def test_fewer_labelled_rows_will_do_after_a_fall(
    labelled: int, fields: dict[str, Any], outcome: str
) -> None:
    decision = conclude(features("a"), labelled=labelled, **fields)
    assert decision.outcome == outcome
    if outcome == "too_few_labels":
        needed = "40 new labelled rows (a twentieth)" if fields else "100 new labelled rows (a ten"
        assert f"no retraining: {labelled} of {needed}" in decision.reason
    elif fields:
        assert decision.because == ("performance",)


def test_what_drift_has_lost_does_not_hold_up_the_answer_to_a_fall() -> None:
    fallen = after_a_lost_one("a", rows=40, earlier={"data_drift": 3}, performance=FALLEN, on=BOTH)
    assert (fallen.because, fallen.goal) == (("performance",), 0.5)
    well = after_a_lost_one("a", rows=40, performance=measured(0.5, 0.5), on=BOTH)
    assert well.outcome == "backoff"


def test_all_grounds_on_which_a_retraining_starts_are_named() -> None:
    decision = conclude(features("a"), performance=FALLEN, labelled=5000)
    assert decision.because == ("data_drift", "performance", "new_rows")
    assert decision.reason.endswith(
        "; retraining starts: 5000 new labelled rows are enough for new_rows (half) and 100 new "
        "labelled rows are enough for data_drift (a tenth) and 40 new labelled rows are enough for "
        "performance (a twentieth)"
    )


@pytest.mark.parametrize("rows", [4999, 5000])
def test_new_rows_alone_start_a_retraining(rows: int) -> None:
    quiet = conclude(labelled=rows)
    seasonal = conclude(features("a"), labelled=rows, on=("performance", "new_rows"))
    alone = conclude(features("a"), labelled=rows, consecutive=2)
    assert (quiet.verdict, quiet.triggers) == ("no_drift", ())
    if rows == 5000:
        for decision in (quiet, seasonal, alone):
            assert decision.outcome == "retraining_starts"
            assert decision.because == ("new_rows",)
            assert decision.reason.endswith(
                "; retraining starts: 5000 new labelled rows are enough for new_rows (half)"
            )
    else:
        outcomes = [decision.outcome for decision in (quiet, seasonal, alone)]
        assert outcomes == ["nothing_moved", "trigger_not_enabled", "not_confirmed"]
    imported = conclude(labelled=rows, by="import")
    assert (imported.outcome, imported.reason[-13:]) == ("nothing_moved", "nothing moved")
    assert conclude(labelled=rows, on=BOTH).outcome == "nothing_moved"


AGED = RowsNeeded(80, "better after 80")


def test_new_rows_of_a_model_that_ages_wait_for_fewer_where_something_moved() -> None:
    few, enough = (conclude(features("a"), labelled=rows, aged=AGED) for rows in (79, 80))
    assert few.reason.endswith("; no retraining: 79 of 80 new labelled rows (better after 80)")
    assert enough.because == ("new_rows",)
    assert enough.reason.endswith("80 new labelled rows are enough for new_rows (better after 80)")
    again = after_a_lost_one("a", because=("data_drift", "new_rows"), rows=159, aged=AGED)
    assert again.reason.endswith(
        "159 of 160 new labelled rows since the last challenger lost (better after 80, and 1 "
        "challenger has lost)"
    )


def test_where_nothing_moved_only_growth_counts() -> None:
    quiet = conclude(labelled=4999, aged=AGED, ages_fast=True)
    assert quiet.reason.endswith(
        "; no retraining: nothing moved, and 4999 of 5000 new labelled rows (half)"
    )
    # One window in doubt is not enough, as for a drift itself.
    doubtful = conclude(features("a"), labelled=4999, aged=AGED, consecutive=2)
    assert doubtful.outcome == "not_confirmed"
    # It counts whether or not the model retrains on what moved.
    other = conclude(features("a"), labelled=80, aged=AGED, on=("new_rows",))
    assert other.because == ("new_rows",)


def test_what_moves_in_the_champions_own_rows_needs_no_finding() -> None:
    few, enough = (conclude(labelled=rows, aged=AGED, world_moves=True) for rows in (79, 80))
    assert few.reason.endswith("nothing moved, and 79 of 80 new labelled rows (better after 80)")
    assert enough.because == ("new_rows",)
    assert enough.verdict == "no_drift"


@pytest.mark.parametrize(
    ("before", "starts"), [(("data_drift",), True), ((), False), (None, False)], ids=str
)
def test_with_too_few_rows_for_a_verdict_the_last_one_counts(before: Any, *, starts: bool) -> None:
    few = context(rows=MIN_ROWS - 1)
    unknown = decided(NOON - 20 * DAY, (), "insufficient_data")
    verdicts = [] if before is None else [decided(NOON - 40 * DAY, before)]
    history = [*verdicts, unknown]
    decision = conclude(about=few, history=history, labelled=80, aged=AGED, ages_fast=True)
    assert decision.verdict == "insufficient_data"
    assert decision.start_retraining == starts


def test_new_rows_keep_their_own_pace() -> None:
    history = [decided(NOON - 30 * DAY, ("performance",), started=True)]
    needed = conclude(features("a"), history=history, every=30 * DAY, labelled=10**6)
    assert needed.outcome == "retraining_starts"
    assert "new_rows" in needed.because
    soon = [decided(NOON - 5 * HOUR, ("performance",), started=True)]
    assert conclude(history=soon, every=HOUR, labelled=10**6).outcome == "cooldown"


def test_new_rows_of_a_model_that_ages_fast_wait_for_no_period() -> None:
    history = [decided(NOON - 30 * DAY, ("performance",), started=True)]
    slow, fast = (
        conclude(
            features("a"), history=history, every=30 * DAY, labelled=80, aged=AGED, ages_fast=fast
        )
        for fast in (False, True)
    )
    assert slow.outcome == "cooldown"
    assert fast.because == ("new_rows",)
    # A drift alone waits all the same: it is no news about how fast the model ages.
    drift = conclude(features("a"), history=history, every=30 * DAY, ages_fast=True)
    assert drift.outcome == "cooldown"


def test_new_rows_start_a_retraining_although_a_window_has_too_few_rows() -> None:
    few = context(rows=MIN_ROWS - 1)
    decision = conclude(features("a"), about=few, labelled=10**6)
    assert (decision.verdict, decision.outcome) == ("insufficient_data", "retraining_starts")
    # What so few rows seem to show is no finding.
    assert (decision.because, decision.triggers) == (("new_rows",), ())
    assert decision.drifted_features == ()
    assert f"{MIN_ROWS - 1} rows in the window, {MIN_ROWS} needed; retraining" in decision.reason
    waits = conclude(features("a"), about=few, labelled=10**6, on=("data_drift",))
    assert waits.outcome == "insufficient_data"
