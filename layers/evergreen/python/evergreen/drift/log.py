"""The drift log: an object for each check, with one JSON line for each of its records."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from evergreen.drift.records import DRIFT_RECORD, DriftDecisionRecord

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from evergreen.drift.records import CheckContext, DriftRecord
    from evergreen.storage import Storage


def write_records(storage: Storage, context: CheckContext, records: list[DriftRecord]) -> str:
    """Write a check's lines as one object and return its key."""
    key = f"{_partition(context.model, context.timestamp)}{context.check_id}.jsonl"
    storage.put(key, "".join(f"{line.model_dump_json()}\n" for line in records).encode())
    return key


def read_check(storage: Storage, key: str) -> list[DriftRecord]:
    """Return the lines of one check by its object's key; empty if there is no such check."""
    return [DRIFT_RECORD.validate_json(line) for line in (storage.get(key) or b"").splitlines()]


def read_check_records(
    storage: Storage, model: str, since: datetime, until: datetime
) -> Iterator[DriftRecord]:
    """Yield the lines of all checks made between two moments, in partition order."""
    for offset in range((until.astimezone(UTC).date() - since.astimezone(UTC).date()).days + 1):
        for item in storage.list(_partition(model, since + timedelta(days=offset))):
            for found in read_check(storage, item.key):
                if since <= found.timestamp <= until:
                    yield found


def read_drift_decisions(
    storage: Storage, model: str, since: datetime, until: datetime
) -> list[DriftDecisionRecord]:
    """Return the decisions made between two moments, oldest first."""
    found = read_check_records(storage, model, since, until)
    decisions = [item for item in found if isinstance(item, DriftDecisionRecord)]
    return sorted(decisions, key=lambda item: item.timestamp)


def latest_checks(
    storage: Storage, model: str, until: datetime, *, count: int, days: int
) -> list[list[DriftRecord]]:
    """Return the lines of the newest ``count`` checks, newest check first.

    Only as many days as needed are listed, ``days`` at most, and only the returned checks are read.
    This works because a check's id, and so its key, begins with its time.
    """
    keys = check_keys(storage, model, until, count=count, days=days)
    return [read_check(storage, key) for key in keys]


def check_keys(
    storage: Storage, model: str, until: datetime, *, count: int, days: int
) -> list[str]:
    """Return the keys of the newest ``count`` checks, as :func:`latest_checks` finds them."""
    keys: list[str] = []
    for offset in range(days):
        found = storage.list(_partition(model, until - timedelta(days=offset)))
        keys += sorted((item.key for item in found), reverse=True)[: count - len(keys)]
        if len(keys) == count:
            break
    return keys


def _partition(model: str, moment: datetime) -> str:
    return f"drift/log/model={model}/dt={moment.astimezone(UTC):%Y-%m-%d}/"
