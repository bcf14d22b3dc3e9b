"""The newest comparison in the shadow, kept where people's pages and commands read it.

There is one object for each model, ``shadow/<model>.json``. Each comparison replaces it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.clock import Moment
from evergreen.shadow.slot import seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Any

    from evergreen.model_definition import ModelDefinition
    from evergreen.production import ShadowSlot
    from evergreen.storage import Storage

PREFIX = "shadow/"


class ShadowLook(BaseModel):
    """What one comparison saw, as far as it is shown."""

    model_config = ConfigDict(frozen=True)

    version: str
    started_at: Moment
    looked_at: Moment
    predictions: int
    """Rows that were given to the challenger."""
    errors: int
    agreement: float | None
    labelled: int
    metric_champion: float | None
    metric_challenger: float | None


class ShadowProgress(BaseModel):
    """Who is in the shadow, and how far it has come."""

    model_config = ConfigDict(frozen=True)

    version: str
    since: Moment
    wanted: int
    """Rows after which it is judged."""
    until: Moment
    """When it is judged at the latest, on the rows that there are."""
    next_look_at: Moment
    look: ShadowLook | None
    """The newest comparison; None before the first."""


def keep_look(
    storage: Storage, model: str, slot: ShadowSlot, seen: Mapping[str, Any], at: datetime
) -> None:
    """Keep what a comparison saw, the fields of a ``ShadowComparison``."""
    about = {"version": slot.version, "started_at": slot.started_at, "looked_at": at}
    look = ShadowLook.model_validate({**seen, **about})
    storage.put_json(f"{PREFIX}{model}.json", look.model_dump(mode="json"))


def read_look(storage: Storage, model: str) -> ShadowLook | None:
    """Return the newest comparison of a model; it may be of a challenger of before."""
    body = storage.get(f"{PREFIX}{model}.json")
    try:
        return None if body is None else ShadowLook.model_validate_json(body)
    except ValidationError:  # of another version of Evergreen; the next one replaces it
        return None


def shadow_progress(
    definition: ModelDefinition, slot: ShadowSlot, look: ShadowLook | None
) -> ShadowProgress:
    """Return how far the challenger in the slot has come."""
    own = look is not None and look.version == slot.version and look.started_at >= slot.started_at
    seen = look if own else None
    last = seen.looked_at if seen else slot.started_at
    return ShadowProgress(
        version=slot.version,
        since=slot.started_at,
        wanted=definition.shadow.min_predictions,
        until=slot.started_at + definition.shadow.max_wait,
        next_look_at=last + timedelta(seconds=seconds_to_wait(definition, slot, last)),
        look=seen,
    )


def describe_progress(metric: str, progress: ShadowProgress) -> str:
    """Return the progress as half a sentence: rows, agreement and metric so far."""
    look = progress.look
    if look is None:
        return f"not compared yet; {progress.wanted:,} rows are wanted"
    parts = [f"{look.predictions:,} of {progress.wanted:,} rows"]
    parts += [f"{look.errors:,} failed"] if look.errors else []
    parts += [f"agreement {look.agreement:.3f}"] if look.agreement is not None else []
    if look.metric_champion is not None and look.metric_challenger is not None:
        parts.append(
            f"{metric} {look.metric_champion:.3f} → {look.metric_challenger:.3f} on "
            f"{look.labelled:,} labelled"
        )
    return ", ".join(parts)
