"""Which alarms take a promotion back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.model_definition import Rollback
from evergreen.production import ProductionPointer
from evergreen.release.watch_period import reason_not_to_roll_back

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WATCHED = Rollback(watch=30 * MINUTE)


def pointer(*, previous: str | None = "6", rolled_back: bool = False) -> ProductionPointer:
    return ProductionPointer(
        version="7",
        bundle_uri="s3://bucket/bundles/fruit/7/",
        sha256="abc",
        reference_dataset_id="ds-7",
        promoted_at=NOON,
        previous=previous,
        rolled_back=rolled_back,
    )


@given(st.integers(0, 30))
def test_an_alarm_within_the_watch_period_takes_a_promotion_back(minutes: int) -> None:
    assert reason_not_to_roll_back(WATCHED, pointer(), NOON + minutes * MINUTE) is None


@pytest.mark.parametrize(
    ("at", "why"), [(NOON - MINUTE, "began before version 7"), (NOON + 31 * MINUTE, "is over")]
)
def test_an_alarm_before_or_long_after_a_promotion_does_not(at: datetime, why: str) -> None:
    assert why in (reason_not_to_roll_back(WATCHED, pointer(), at) or "")


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=9)))
def test_a_rollback_is_never_rolled_back(later: timedelta) -> None:
    why = reason_not_to_roll_back(WATCHED, pointer(rolled_back=True), NOON + later)
    assert why == "production was rolled back to version 7"


def test_the_alarm_that_led_to_a_rollback_may_finish_it() -> None:
    assert reason_not_to_roll_back(WATCHED, pointer(rolled_back=True), NOON - MINUTE) is None


def test_there_must_be_a_version_to_go_back_to() -> None:
    assert reason_not_to_roll_back(WATCHED, None, NOON) == "no version is in production"
    assert "before version 7" in (
        reason_not_to_roll_back(WATCHED, pointer(previous=None), NOON) or ""
    )


@pytest.mark.parametrize("rolled_back", [False, True])
def test_a_model_may_be_kept_from_going_back_by_itself(*, rolled_back: bool) -> None:
    off = Rollback(automatic=False)
    assert "is off" in (reason_not_to_roll_back(off, pointer(rolled_back=rolled_back), NOON) or "")
