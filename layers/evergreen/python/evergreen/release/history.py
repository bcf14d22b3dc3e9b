"""The release history: every decision about a model, with time, reason and numbers."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.release.decision_log import (
    Decider,
    Decision,
    decider,
    decision_record_key,
    read_decision_records,
)

if TYPE_CHECKING:
    from evergreen.production import Production, ProductionPointer
    from evergreen.release.decision_log import DecisionRecord
    from evergreen.storage import Storage

UNRECORDED = "no decision record was written: it was interrupted"


class HistoryEntry(BaseModel):
    """One decision in the history of a model."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    decision: Decision
    version: str
    """The version that was promoted or rejected, or that a rollback restored."""
    against: str | None
    """The version it replaced, or lost against."""
    reason: str
    metric: str | None = None
    """Name of the deciding metric; None without evidence."""
    metric_against: float | None = None
    metric_version: float | None = None
    probability_better: float | None = None
    rows: int | None = None
    """Rows of the holdout."""
    execution: str | None = None
    """ARN of the execution or alarm that decided, or ``doctor``; None if a person did."""
    by: Decider | None = None
    """Who decided; None without a decision record."""
    record: str | None = None
    """URI of the decision record."""


def read_release_history(
    storage: Storage, production: Production, model: str
) -> list[HistoryEntry]:
    """Return every decision about a model, oldest first.

    Decisions come from the decision records. A change of the production pointer without a record is
    included too, with the values of the pointer.

    Parameters
    ----------
    storage
        The data bucket.
    production
        Where the pointers are.
    model
        The model's name.
    """
    records = read_decision_records(storage, model)
    known = {(record.decided_at, record.challenger) for record in records}
    entries = [
        *(_of_record(record, storage) for record in records),
        *(
            _of_pointer(pointer)
            for pointer in production.history(model)
            if (pointer.promoted_at, pointer.version) not in known
        ),
    ]
    return sorted(entries, key=lambda entry: entry.at)


def _of_record(record: DecisionRecord, storage: Storage) -> HistoryEntry:
    evidence = record.comparison
    return HistoryEntry(
        at=record.decided_at,
        decision=record.decision,
        version=record.challenger,
        against=record.champion,
        reason=record.reason,
        metric=evidence.metric if evidence else None,
        metric_against=evidence.metric_champion if evidence else None,
        metric_version=evidence.metric_challenger if evidence else None,
        probability_better=evidence.probability_better if evidence else None,
        rows=evidence.rows if evidence else None,
        execution=record.execution,
        by=decider(record.execution),
        record=storage.uri(decision_record_key(record.model, record.decided_at, record.challenger)),
    )


def _of_pointer(pointer: ProductionPointer) -> HistoryEntry:
    return HistoryEntry(
        at=pointer.promoted_at,
        decision="roll_back" if pointer.rolled_back else "promote",
        version=pointer.version,
        against=pointer.previous,
        reason=UNRECORDED,
    )
