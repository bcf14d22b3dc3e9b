"""Decision records: what was decided about a model's versions, kept for good.

One JSON object each at ``decisions/model=<model>/``, named so that a listing is in order of time.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from evergreen.clock import to_text
from evergreen.evaluation.comparison import Comparison

if TYPE_CHECKING:
    from evergreen.storage import Storage

Decision = Literal["promote", "reject", "roll_back"]


class DecisionRecord(BaseModel):
    """What was decided about a version, when, on what evidence."""

    model_config = ConfigDict(frozen=True)

    model: str
    decision: Decision
    decided_at: datetime
    challenger: str
    """The version that was promoted, rejected or gone back to."""
    champion: str | None
    """The version it was judged against, or whose place it took."""
    reason: str
    comparison: Comparison | None
    """The evidence; None of a rollback, and of a version that was put aside before it was judged.
    """
    dataset_id: str
    run_id: str
    execution: str | None
    """ARN of the execution, or name of the alarm, that decided; None where a person did."""


def decisions_prefix(model: str) -> str:
    """Return the prefix below which a model's decision records live, with the slash."""
    return f"decisions/model={model}/"


def record_key(model: str, decided_at: datetime, version: str) -> str:
    """Return the key of the record of a decision about a version."""
    return f"{decisions_prefix(model)}{to_text(decided_at)}-{version}.json"


def decision_key(record: DecisionRecord) -> str:
    """Return the key of a decision record."""
    return record_key(record.model, record.decided_at, record.challenger)


def read_record(storage: Storage, key: str) -> DecisionRecord | None:
    """Read one decision record, or return None where there is none."""
    body = storage.get(key)
    return None if body is None else DecisionRecord.model_validate_json(body)


def read_records(storage: Storage, model: str) -> list[DecisionRecord]:
    """Return every decision about a model's versions, oldest first."""
    keys = [item.key for item in storage.list(decisions_prefix(model))]
    found = [read_record(storage, key) for key in keys]
    return [record for record in found if record is not None]
