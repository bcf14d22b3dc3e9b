"""Promotion and rejection: the two ways a challenger's trial ends, each safe to run again.

A promotion commits when the production pointer is written; a rejection when the version is
archived. Everything before can be abandoned, everything after is done again by the next call:
interrupted at any step, calling with the same arguments finishes the job.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from evergreen.bundle import delete_bundle, load_bundle
from evergreen.clock import Clock, to_text
from evergreen.dataset import delete_dataset
from evergreen.errors import RegistryError
from evergreen.evaluation import Comparison
from evergreen.events import Events, EventType
from evergreen.production import Production, ProductionPointer

if TYPE_CHECKING:
    from evergreen.registry import RegisteredVersion, Registry
    from evergreen.storage import Storage


class DecisionRecord(BaseModel):
    """What was decided about a challenger, when, on what evidence; kept for good."""

    model_config = ConfigDict(frozen=True)

    model: str
    decision: Literal["promote", "reject"]
    decided_at: datetime
    challenger: str
    champion: str | None
    comparison: Comparison
    dataset_id: str
    run_id: str
    execution: str | None
    """ARN of the execution that decided, or None where a person did."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything a decision is written to."""

    storage: Storage
    production: Production
    registry: Registry
    events: Events
    clock: Clock


def decision_key(record: DecisionRecord) -> str:
    """Return the key of a decision record."""
    moment = to_text(record.decided_at)
    return f"decisions/model={record.model}/{moment}-{record.challenger}.json"


def candidate_pointer(
    challenger: RegisteredVersion,
    *,
    promoted_at: datetime,
    metric: float | None = None,
    previous: str | None = None,
) -> ProductionPointer:
    """Return the pointer that would put a registered version into production."""
    return ProductionPointer(
        version=challenger.version,
        bundle_uri=challenger.bundle_uri,
        sha256=challenger.bundle_sha256,
        reference_dataset_id=challenger.dataset_id,
        promoted_at=promoted_at,
        metric=metric,
        previous=previous,
    )


def promote(
    desk: Desk,
    model: str,
    version: str,
    comparison: Comparison,
    *,
    execution: str | None = None,
) -> DecisionRecord:
    """Put a challenger into production.

    Order: bundle verified, pointer written (from here on it serves), MLflow mirrored, decision
    recorded, event put. What was done already is found done, so the record keeps its one key; the
    event alone may be put once more.

    Parameters
    ----------
    desk
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    version
        The challenger's version in the registry.
    comparison
        The evidence it is promoted on.
    execution
        ARN of the execution that decided, if one did.

    Raises
    ------
    RegistryError
        If the registry does not hold the version with a bundle.
    BundleError
        If the bundle is missing, incomplete or altered; nothing has been changed then.
    """
    challenger = desk.registry.find(model, version)
    pointer = desk.production.read(model)
    if pointer is None or pointer.version != version:
        pointer = candidate_pointer(
            challenger,
            promoted_at=desk.clock(),
            metric=comparison.metric_challenger,
            previous=pointer.version if pointer else None,
        )
        load_bundle(desk.storage, pointer)
        desk.production.write(model, pointer)
    desk.registry.set_production(model, version, pointer.previous)
    record = DecisionRecord(
        model=model,
        decision="promote",
        decided_at=pointer.promoted_at,
        challenger=version,
        champion=pointer.previous,
        comparison=comparison,
        dataset_id=challenger.dataset_id,
        run_id=challenger.run_id,
        execution=execution,
    )
    _publish(desk, record, EventType.MODEL_PROMOTED)
    return record


def reject(
    desk: Desk,
    model: str,
    version: str,
    comparison: Comparison,
    *,
    execution: str | None = None,
) -> DecisionRecord:
    """Put a challenger aside: nothing of it stays but its run and the decision.

    Order: version archived with the reason, bundle deleted, data set deleted (unless production
    refers or has referred to the same one), decision recorded, event put.

    Parameters
    ----------
    desk
        Storage, pointer, registry, events and clock.
    model
        The model's name.
    version
        The challenger's version in the registry.
    comparison
        The evidence it is rejected on.
    execution
        ARN of the execution that decided, if one did.

    Raises
    ------
    RegistryError
        If the version is or was in production, or the registry does not hold it with a bundle.
    """
    challenger = desk.registry.find(model, version)
    pointer = desk.production.read(model)
    pointers = desk.production.history(model) if pointer else []
    if any(former.version == version for former in pointers):
        raise RegistryError(
            "a version that is or was in production cannot be rejected",
            where=f"{model} {version}",
            fix="Roll production back to another version instead.",
        )
    decided_at = desk.registry.archive(model, version, comparison.reason, desk.clock())
    delete_bundle(desk.storage, model, version)
    if all(former.reference_dataset_id != challenger.dataset_id for former in pointers):
        delete_dataset(desk.storage, model, challenger.dataset_id)
    record = DecisionRecord(
        model=model,
        decision="reject",
        decided_at=decided_at,
        challenger=version,
        champion=pointer.version if pointer else None,
        comparison=comparison,
        dataset_id=challenger.dataset_id,
        run_id=challenger.run_id,
        execution=execution,
    )
    _publish(desk, record, EventType.CHALLENGER_REJECTED)
    return record


def _publish(desk: Desk, record: DecisionRecord, kind: EventType) -> None:
    key = decision_key(record)
    desk.storage.put_json(key, record.model_dump(mode="json"))
    desk.events.put(
        kind,
        record.model,
        {
            "challenger": record.challenger,
            "champion": record.champion,
            **record.comparison.model_dump(mode="json"),
            "decision": record.decision,
            "decision_record": desk.storage.uri(key),
        },
    )
