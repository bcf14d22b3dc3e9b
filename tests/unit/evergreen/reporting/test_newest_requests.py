"""The newest rows of the request log, read from what has just landed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.clock import to_text
from evergreen.reporting import newest_requests as module
from evergreen.reporting.newest_requests import NEWEST_REQUESTS, newest_requests

if TYPE_CHECKING:
    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

MODEL = "late_bus"
SECOND = timedelta(seconds=1)


def now() -> datetime:
    return datetime.now(UTC)  # the bucket says of its objects when they came, by this clock


def record(at: datetime, number: int, **changes: Any) -> dict[str, Any]:
    return {
        "timestamp": to_text(at),
        "request_id": f"r{number}",
        "row": 0,
        "model_version": "2",
        "input_data": {"wind": number},
        "model_output": 1,
        "confidence": 0.5,
        "metadata": {"role": "champion", "source_ip": "127.0.0.1"},
    } | changes


def label(at: datetime, number: int, value: object) -> dict[str, Any]:
    return {"timestamp": to_text(at), "request_id": f"r{number}", "row": 0, "label": value}


def land(storage: Storage, prefix: str, name: str, at: datetime, lines: list[Any]) -> None:
    body = "".join(f"{each if isinstance(each, str) else json.dumps(each)}\n" for each in lines)
    storage.put(f"{prefix}{at:%Y/%m/%d/%H}/{name}", body.encode())


def test_rows_come_newest_first_each_once_with_their_label(aws: Account) -> None:
    storage, at = aws.storage(), now()
    rows, labels = request_log_landing_prefix(MODEL), labels_landing_prefix(MODEL)
    land(storage, rows, "a", at, [record(at - 3 * SECOND, 1), record(at - SECOND, 2)])
    land(storage, rows, "b", at, [record(at - 2 * SECOND, 3), record(at - SECOND, 2), "no JSON"])
    land(storage, labels, "a", at, [label(at, 2, 0), label(at - SECOND, 1, None)])
    land(storage, labels, "b", at, [label(at + SECOND, 2, 1)])
    found = newest_requests(storage, MODEL, at)
    assert [(each.request_id, each.labelled, each.label) for each in found] == [
        ("r2", True, 1),
        ("r3", False, None),
        ("r1", True, None),
    ]
    assert found[0].features == {"wind": 2}
    assert "127.0.0.1" not in found[0].model_dump_json()


@pytest.mark.parametrize(
    "line",
    [
        record(now(), 1, metadata={"role": "shadow"}),
        record(now(), 1, metadata=None),
        {"row": 1},
        ["no", "object"],
    ],
    ids=["shadow", "no metadata", "too little", "list"],
)
def test_what_is_no_answer_of_the_champion_is_left_out(aws: Account, line: object) -> None:
    at = now()
    land(aws.storage(), request_log_landing_prefix(MODEL), "a", at, [line, record(at, 7)])
    assert [each.request_id for each in newest_requests(aws.storage(), MODEL, at)] == ["r7"]


def test_of_much_traffic_only_the_ends_are_read(
    aws: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TAIL", 1000)
    storage, at = aws.storage(), now()
    many = [record(at - (400 - number) * SECOND, number) for number in range(400)]
    land(storage, request_log_landing_prefix(MODEL), "a", at, many)
    found = newest_requests(storage, MODEL, at)
    assert 1 <= len(found) <= 10
    assert found[0].request_id == "r399"
    land(storage, request_log_landing_prefix(MODEL), "b", at, many)
    monkeypatch.setattr(module, "_TAIL", 10**6)
    assert len(newest_requests(storage, MODEL, at)) == NEWEST_REQUESTS


def test_a_model_without_traffic_has_no_rows(aws: Account) -> None:
    assert newest_requests(aws.storage(), MODEL, now()) == ()


def test_yesterday_is_looked_at_too(aws: Account) -> None:
    at = now() - timedelta(days=1)
    land(aws.storage(), request_log_landing_prefix(MODEL), "a", at, [record(at, 4)])
    assert [each.request_id for each in newest_requests(aws.storage(), MODEL, now())] == ["r4"]
