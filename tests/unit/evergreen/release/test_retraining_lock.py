from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evergreen.release.retraining_lock import is_retraining, lock_key, take_lock

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account


def test_a_model_is_retrained_while_the_owner_of_its_lock_runs(aws: Account) -> None:
    storage = aws.storage()
    assert not is_retraining(storage, "delays", lambda _: True)
    running = {"arn:1"}
    take_lock(
        storage,
        "delays",
        "arn:1",
        is_running=running.__contains__,
        clock=lambda: datetime(2026, 3, 1, tzinfo=UTC),
    )
    assert is_retraining(storage, "delays", running.__contains__)
    assert not is_retraining(storage, "other", running.__contains__)
    running.clear()
    assert not is_retraining(storage, "delays", running.__contains__)
    storage.delete(lock_key("delays"))
    assert not is_retraining(storage, "delays", lambda _: True)
