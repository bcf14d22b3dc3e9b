"""The shadow slot: who fills it, who empties it, and that it never changes what serves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.errors import BundleError, NoProductionModelError
from evergreen.model_definition import Shadow
from evergreen.production import ProductionPointer, ShadowSlot
from evergreen.shadow.slot import clear_abandoned_shadow, seconds_to_wait, start_shadow, stop_shadow
from tests.support.fixed_clock import NOW
from tests.support.trained_models import DEFINITION, promote

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

MODEL = DEFINITION.name


class Trial:
    """Version 1 serves, version 2 is in its shadow."""

    def __init__(self, aws: Account, owner: str | None = None) -> None:
        self.storage, self.production = aws.storage(), aws.production()
        self.champion = promote(self.storage, self.production, "1")
        self.other = promote(self.storage, self.production, "2")
        self.production.write(MODEL, self.champion)
        self.slot = ShadowSlot(
            version="2",
            bundle_uri=self.other.bundle_uri,
            sha256=self.other.sha256,
            started_at=NOW,
            owner=owner,
        )
        start_shadow(self.storage, self.production, MODEL, self.slot)

    def now(self) -> ProductionPointer:
        pointer = self.production.read(MODEL)
        assert pointer is not None
        return pointer


def test_starting_twice_keeps_the_first_time(aws: Account) -> None:
    trial = Trial(aws)
    again = trial.slot.model_copy(update={"started_at": NOW + timedelta(hours=1)})
    assert start_shadow(trial.storage, trial.production, MODEL, again) == trial.slot
    assert trial.now().shadow == trial.slot


def test_a_broken_bundle_does_not_start(aws: Account) -> None:
    trial = Trial(aws)
    broken = trial.slot.model_copy(update={"version": "3", "sha256": "0" * 64})
    with pytest.raises(BundleError):
        start_shadow(trial.storage, trial.production, MODEL, broken)
    assert trial.now().shadow == trial.slot


def test_stopping_empties_the_slot_once_and_only_of_the_version_meant(aws: Account) -> None:
    trial = Trial(aws)
    assert not stop_shadow(trial.production, MODEL, "9")
    assert stop_shadow(trial.production, MODEL, "2")
    assert not stop_shadow(trial.production, MODEL)
    assert trial.now() == trial.champion
    assert [item.version for item in trial.production.history(MODEL)] == ["1", "2", "1"]


def test_the_next_execution_empties_what_an_ended_one_left_and_nothing_else(aws: Account) -> None:
    trial = Trial(aws, owner="arn:1")
    assert not clear_abandoned_shadow(trial.production, MODEL, "arn:1")
    assert clear_abandoned_shadow(trial.production, MODEL, "arn:2")
    assert trial.now().shadow is None
    assert not clear_abandoned_shadow(trial.production, MODEL, "arn:2")
    by_hand = Trial(aws, owner=None)
    assert not clear_abandoned_shadow(by_hand.production, MODEL, "arn:2")
    assert by_hand.now().shadow == by_hand.slot


def test_nothing_in_production_has_no_shadow(aws: Account) -> None:
    production = aws.production()
    assert not stop_shadow(production, MODEL)
    assert not clear_abandoned_shadow(production, MODEL, "arn:1")
    with pytest.raises(NoProductionModelError):
        production.set_shadow(MODEL, None)


@pytest.mark.parametrize("times", [1, 3])
def test_a_promotion_that_comes_between_is_not_undone_by_the_slot(
    aws: Account, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    trial = Trial(aws)
    put = aws.ssm.put_parameter
    left = times

    def promoted_meanwhile(**what: Any) -> Any:
        nonlocal left
        if left:
            left -= 1
            promoted = trial.other.model_copy(update={"version": str(9 - left)})
            put(**{**what, "Value": promoted.model_dump_json()})
        return put(**what)

    monkeypatch.setattr(aws.ssm, "put_parameter", promoted_meanwhile)
    assert stop_shadow(trial.production, MODEL)
    assert trial.now() == trial.other.model_copy(update={"version": "9"})


@pytest.mark.parametrize(
    ("limit", "passed", "seconds"),
    [
        (timedelta(days=1), timedelta(0), 5),
        (timedelta(days=1), timedelta(seconds=40), 40),
        (timedelta(days=1), timedelta(hours=3), 432),
        (timedelta(days=30), timedelta(days=2), 900),
        (timedelta(minutes=1), timedelta(0), 5),
        (timedelta(days=1), timedelta(days=1) - timedelta(seconds=10), 11),
        (timedelta(days=1), timedelta(days=2), 1),
    ],
)
def test_the_wait_fits_the_time_limit(limit: timedelta, passed: timedelta, seconds: int) -> None:
    definition = DEFINITION.model_copy(update={"shadow": Shadow(max_wait=limit)})
    slot = ShadowSlot(version="2", bundle_uri="", sha256="", started_at=NOW)
    assert seconds_to_wait(definition, slot, NOW + passed) == seconds
