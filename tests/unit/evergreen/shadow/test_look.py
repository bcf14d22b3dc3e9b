"""How far a challenger in the shadow has come, as people read it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evergreen.model_definition import Shadow
from evergreen.production import ShadowSlot
from evergreen.shadow.look import PREFIX, describe_progress, keep_look, read_look, shadow_progress
from tests.support.fixed_clock import NOW
from tests.support.trained_models import DEFINITION

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

WITH_SHADOW = DEFINITION.model_copy(update={"shadow": Shadow(min_predictions=5000)})
NAME = WITH_SHADOW.name
SLOT = ShadowSlot(version="4", bundle_uri="", sha256="", started_at=NOW)
SEEN: dict[str, Any] = {
    "verdict": "waiting",
    "reason": "1200 of 5000 predictions",
    "predictions": 1200,
    "errors": 3,
    "agreement": 0.931,
    "output_distance": 0.1,
    "labelled": 800,
    "metric_champion": 0.41,
    "metric_challenger": 0.44,
}


def test_before_the_first_look_it_says_who_since_when_and_when_the_next_look_is() -> None:
    progress = shadow_progress(WITH_SHADOW, SLOT, None)
    assert (progress.version, progress.since, progress.wanted) == ("4", NOW, 5000)
    assert progress.next_look_at == NOW + timedelta(seconds=5)
    assert progress.until == NOW + timedelta(days=1)
    assert describe_progress("f1", progress) == "not compared yet; 5,000 rows are wanted"


def test_a_look_is_kept_and_told(aws: Account) -> None:
    storage, later = aws.storage(), NOW + timedelta(seconds=40)
    keep_look(storage, NAME, SLOT, SEEN, later)
    progress = shadow_progress(WITH_SHADOW, SLOT, read_look(storage, NAME))
    assert progress.next_look_at == later + timedelta(seconds=40)
    assert describe_progress("f1", progress) == (
        "1,200 of 5,000 rows, 3 failed, agreement 0.931, f1 0.410 → 0.440 on 800 labelled"
    )


def test_the_look_at_a_challenger_of_before_says_nothing_of_this_one(aws: Account) -> None:
    storage = aws.storage()
    keep_look(storage, NAME, SLOT.model_copy(update={"version": "3"}), SEEN, NOW)
    assert shadow_progress(WITH_SHADOW, SLOT, read_look(storage, NAME)).look is None
    keep_look(storage, NAME, SLOT, SEEN, NOW)
    again = SLOT.model_copy(update={"started_at": NOW + timedelta(hours=1)})
    assert shadow_progress(WITH_SHADOW, again, read_look(storage, NAME)).look is None


def test_an_object_of_another_form_is_no_look(aws: Account) -> None:
    storage = aws.storage()
    assert read_look(storage, NAME) is None
    storage.put(f"{PREFIX}{NAME}.json", b"{}")
    assert read_look(storage, NAME) is None
