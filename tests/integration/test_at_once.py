"""Parallel writes to one object of a real S3: no check is lost, no alert is sent twice."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from cli.shared.target import Target
from evergreen.alerting.once import DeliveryInProgressError, deliver_once, mark_key
from evergreen.clock import utc_now
from evergreen.drift.episodes.state import read_episodes
from evergreen.drift.episodes.store import remove_sent_notices, update_episodes
from evergreen.drift.episodes.transitions import CheckFindings
from evergreen.drift.records import CheckContext
from evergreen.storage import Storage

if TYPE_CHECKING:
    from local.stack import Stack

AT_ONCE = 6


@pytest.fixture
def storage(local_stack: Stack) -> Storage:
    client = Target.local(local_stack).client("s3")
    bucket = f"at-once-{uuid.uuid4().hex[:12]}"
    client.create_bucket(Bucket=bucket)
    return Storage(bucket, client)


def test_checks_that_end_at_once_are_all_counted_and_begin_one_episode(storage: Storage) -> None:
    now = utc_now()

    def check(hours: int) -> None:
        context = CheckContext(
            timestamp=now,
            reference_dataset_id="ds",
            subject_dataset_id="win",
            check_id=f"c{hours}",
            model="m",
            model_version="1",
            window_start=now - timedelta(hours=hours),
            window_end=now,
            rows=100,
        )
        update_episodes(storage, CheckFindings(context, now, {"data_drift": True}))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(check, range(1, AT_ONCE + 1)))
    found = read_episodes(storage, "m")
    assert set(found.tracks["data_drift"].sightings) == {3600 * (n + 1) for n in range(AT_ONCE)}
    assert [each.news for each in found.outbox] == ["began"]
    assert remove_sent_notices(storage, "m", found.outbox).outbox == ()


def test_an_alert_that_several_deliver_at_once_is_sent_once(storage: Storage) -> None:
    sent: list[int] = []

    def deliver(number: int) -> bool:
        try:
            key = mark_key("webhook", "news")
            return deliver_once(storage, key, lambda: sent.append(number), clock=utc_now)
        except DeliveryInProgressError:
            return False

    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(deliver, range(AT_ONCE)))
    assert outcomes.count(True) == len(sent) == 1
