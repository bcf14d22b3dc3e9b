"""The release context: the clients that a decision needs, and the versions that have served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.datasets.manifest import folder_key
from evergreen.events import ChallengerRejected, ModelPromoted, ModelRolledBack
from evergreen.release.decision_log import (
    DecisionRecord,
    decision_key,
    decisions_prefix,
    read_decision_record,
    read_decision_records,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.clock import Clock
    from evergreen.events import DecisionEvent, Events
    from evergreen.production import Production, ProductionPointer
    from evergreen.registry.writer import Registry
    from evergreen.release.decision_log import Decision
    from evergreen.storage import Storage

_EVENTS: Mapping[Decision, type[DecisionEvent]] = {
    "promote": ModelPromoted,
    "reject": ChallengerRejected,
    "roll_back": ModelRolledBack,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RollbackContext:
    """The clients that a rollback needs: data bucket, pointer and events, and no registry."""

    storage: Storage
    production: Production
    events: Events
    clock: Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseContext(RollbackContext):
    """The clients that a decision is written with: data bucket, pointer, registry and events."""

    registry: Registry


def served_versions(context: RollbackContext, model: str) -> dict[str, str]:
    """Return every version that is or was in production, and its reference data set's id.

    A version counts if a pointer named it (Parameter Store keeps the last hundred pointers), or if
    a decision record says that it was promoted (records are kept forever). The bundle and the data
    set of such a version are never deleted, because production can go back to it.
    """
    records = read_decision_records(context.storage, model)
    served = {item.challenger: item.dataset_id for item in records if item.decision != "reject"}
    return served | {
        item.version: item.reference_dataset_id for item in pointers_of(context, model)
    }


def was_served(context: RollbackContext, model: str, version: str) -> bool:
    """Return whether a version is or was in production, without reading every decision record."""
    if any(item.version == version for item in pointers_of(context, model)):
        return True
    keys = [item.key for item in context.storage.list(decisions_prefix(model))]
    records = [
        read_decision_record(context.storage, key)
        for key in keys
        if key.endswith(f"-{version}.json")
    ]
    return any(record is not None and record.decision != "reject" for record in records)


def pointers_of(context: RollbackContext, model: str) -> list[ProductionPointer]:
    """Return the pointers that Parameter Store still has, oldest first."""
    return context.production.history(model)


def publish_decision(context: ReleaseContext, record: DecisionRecord) -> DecisionRecord:
    """Record a decision once, send its event, and link it to its run and version."""
    key = decision_key(record)
    known = read_decision_record(context.storage, key)
    if known:
        record = known  # the first call's evidence and reason are kept
    else:
        context.storage.put_json(key, record.model_dump(mode="json"))
    uri = context.storage.uri(key)
    if context.registry.decision_of(record.model, record.challenger) == uri:
        return record
    context.events.put(decision_event(record, uri))
    folder = folder_key(record.model, record.dataset_id)
    context.registry.link_decision(
        record.model, record.challenger, record.decision, uri, context.storage.uri(folder)
    )
    return record


def decision_event(record: DecisionRecord, uri: str) -> DecisionEvent:
    """Return the event that tells of a decision; ``uri`` is where its record is."""
    evidence = record.comparison.model_dump() if record.comparison else {}
    decided = record.model_dump(exclude={"comparison"})
    return _EVENTS[record.decision].model_validate({**evidence, **decided, "decision_record": uri})
