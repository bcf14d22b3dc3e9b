"""Delivered once, whoever asks twice, and again only after whoever delivered has died."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.alerting.once import (
    DELIVERY_TIMEOUT,
    DeliveryInProgressError,
    deliver_once,
    mark_key,
)
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

KEY = mark_key("webhook", "m.data_drift.c1/x.detected")
SECOND = timedelta(seconds=1)


@pytest.fixture
def storage(aws: Account) -> Storage:
    return aws.storage()


def test_asked_twice_it_is_delivered_once(storage: Storage) -> None:
    sent: list[str] = []
    for _ in range(3):
        deliver_once(storage, KEY, lambda: sent.append("it"), clock=lambda: NOW)
    assert sent == ["it"]


def test_what_failed_is_tried_again_at_once(storage: Storage) -> None:
    def refuse() -> None:
        raise OSError("down")

    with pytest.raises(OSError, match="down"):
        deliver_once(storage, KEY, refuse, clock=lambda: NOW)
    assert deliver_once(storage, KEY, lambda: None, clock=lambda: NOW) is True
    assert deliver_once(storage, KEY, lambda: None, clock=lambda: NOW) is False


def test_while_one_delivers_another_waits_and_takes_over_when_it_has_died(
    storage: Storage,
) -> None:
    def meanwhile() -> None:
        with pytest.raises(DeliveryInProgressError, match=r"alerts/webhook/m\.data"):
            deliver_once(storage, KEY, lambda: None, clock=lambda: NOW + DELIVERY_TIMEOUT - SECOND)
        assert deliver_once(storage, KEY, lambda: None, clock=lambda: NOW + DELIVERY_TIMEOUT)

    assert deliver_once(storage, KEY, meanwhile, clock=lambda: NOW)


def test_channels_do_not_know_of_each_other() -> None:
    assert mark_key("email", "a") != mark_key("webhook", "a")
    assert mark_key("email", "../a/b").count("/") == 2
