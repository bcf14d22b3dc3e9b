"""Decision records: every decision about a model's versions, kept forever.

Each record is one JSON object below ``decisions/model=<model>/``. The keys sort by time.
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
Decider = Literal["hand", "doctor", "alarm", "retraining"]

DOCTOR = "doctor"
"""What `evergreen doctor --fix` records in the place of an execution."""


class DecisionRecord(BaseModel):
    """One decision about a version, with its time and its evidence."""

    model_config = ConfigDict(frozen=True)

    model: str
    """Name of the model."""
    decision: Decision
    """What was decided."""
    decided_at: datetime
    """When."""
    challenger: str
    """The version that was promoted or rejected, or that a rollback restored."""
    champion: str | None
    """The version it was compared with, or replaced."""
    reason: str
    """Why, in words."""
    comparison: Comparison | None
    """The evidence; None for a rollback, and for a version that was archived before its evaluation.
    """
    dataset_id: str
    """The data set of the challenger."""
    run_id: str
    """The run of its training."""
    execution: str | None
    """ARN of the execution or alarm that decided, or :data:`DOCTOR`; None if a person did."""


def decider(execution: str | None) -> Decider:
    """Return who made a decision, from the ``execution`` of its record."""
    if execution is None:
        return "hand"
    if execution == DOCTOR:
        return "doctor"
    return "alarm" if ":alarm:" in execution else "retraining"


def decisions_prefix(model: str) -> str:
    """Return the prefix of a model's decision records, with the slash."""
    return f"decisions/model={model}/"


def decision_record_key(model: str, decided_at: datetime, version: str) -> str:
    """Return the key of the record of a decision about a version."""
    return f"{decisions_prefix(model)}{to_text(decided_at)}-{version}.json"


def decision_key(record: DecisionRecord) -> str:
    """Return the key of a decision record."""
    return decision_record_key(record.model, record.decided_at, record.challenger)


def read_decision_record(storage: Storage, key: str) -> DecisionRecord | None:
    """Read one decision record, or return None if there is none."""
    body = storage.get(key)
    return None if body is None else DecisionRecord.model_validate_json(body)


def latest_decision_records(storage: Storage, model: str, count: int) -> list[DecisionRecord]:
    """Return the newest ``count`` decisions about a model's versions, newest first."""
    keys = sorted(item.key for item in storage.list(decisions_prefix(model)))
    found = [read_decision_record(storage, key) for key in reversed(keys[-count:])]
    return [record for record in found if record is not None]


def read_decision_records(storage: Storage, model: str) -> list[DecisionRecord]:
    """Return every decision about a model's versions, oldest first."""
    keys = [item.key for item in storage.list(decisions_prefix(model))]
    found = [read_decision_record(storage, key) for key in keys]
    return [record for record in found if record is not None]
