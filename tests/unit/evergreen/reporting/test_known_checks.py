"""A check is read once, however often the page asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.drift.log import check_keys
from evergreen.reporting import known_checks
from evergreen.reporting.known_checks import KnownChecks
from tests.support.fixed_clock import NOW
from tests.support.reported_model import MINUTE, NAME, ReportedModel

if TYPE_CHECKING:
    import pytest

    from tests.support.aws_in_process import Account


def test_a_check_is_read_once(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    model, known = ReportedModel(aws), KnownChecks()
    ids = [model.check(2 * MINUTE), model.check(MINUTE)]
    keys = check_keys(model.storage, NAME, NOW, count=2, days=1)
    assert [known.read(model.storage, key)[0].check_id for key in keys] == ids[::-1]
    for key in keys:
        model.storage.delete(key)
    assert [known.read(model.storage, key)[0].check_id for key in keys] == ids[::-1]
    assert known.read(model.storage, "drift/log/other.jsonl") == []
    monkeypatch.setattr(known_checks, "REMEMBERED", 1)
    assert known.read(model.storage, "drift/log/another.jsonl") == []
    assert known.read(model.storage, keys[0]) == [], "it was forgotten"
