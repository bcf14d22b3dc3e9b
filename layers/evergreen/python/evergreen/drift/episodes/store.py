"""Storage of a model's episodes: one object in the data bucket, replaced by conditional write.

Two checks may end at the same time. Each replaces the state only if it has not changed since the
check read it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from evergreen.drift.episodes.state import Episodes, episodes_key, read_episodes
from evergreen.drift.episodes.transitions import next_episodes
from evergreen.drift.log import latest_checks
from evergreen.drift.records import DriftDecisionRecord
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from evergreen.drift.episodes.state import Notice
    from evergreen.drift.episodes.transitions import CheckFindings
    from evergreen.drift.records import CheckContext
    from evergreen.storage import Storage

_ATTEMPTS = 10
_CHECKS_LOOKED_AT = 3


def update_episodes(storage: Storage, findings: CheckFindings) -> Episodes:
    """Update the model's episodes with the result of one check, and return their new state.

    A check writes its decision to the drift log first. If an earlier check decided to retrain and
    died before this step, its decision would block the next checks for the cooldown. So this check
    starts the retraining instead.

    Raises
    ------
    EvergreenError
        If other checks kept writing first.
    """
    known = read_episodes(storage, findings.context.model)
    if _start_was_lost(storage, known, findings.context):
        findings = replace(findings, starts_retraining=True)
    return _replace(storage, findings.context.model, lambda before: next_episodes(before, findings))


def _start_was_lost(storage: Storage, known: Episodes, context: CheckContext) -> bool:
    """Return whether a recent check decided to retrain but did not update the episodes."""
    since = known.checked_at
    checks = latest_checks(
        storage, context.model, context.timestamp, count=_CHECKS_LOOKED_AT, days=1
    )
    return since is not None and any(
        isinstance(line, DriftDecisionRecord)
        and line.start_retraining
        and line.check_id != context.check_id
        and line.model_version == context.model_version
        and since < line.timestamp < context.timestamp
        for lines in checks
        for line in lines
    )


def remove_sent_notices(storage: Storage, model: str, notices: Collection[Notice]) -> Episodes:
    """Remove notices that were sent from the outbox.

    Raises
    ------
    EvergreenError
        If other checks kept writing first.
    """
    ids = {each.id for each in notices}

    def without(before: Episodes) -> Episodes:
        kept = tuple(each for each in before.outbox if each.id not in ids)
        return before.model_copy(update={"outbox": kept})

    return _replace(storage, model, without)


def _replace(storage: Storage, model: str, change: Callable[[Episodes], Episodes]) -> Episodes:
    key = episodes_key(model)
    for _ in range(_ATTEMPTS):
        found = storage.get_with_etag(key)
        before = Episodes(model=model) if found is None else Episodes.model_validate_json(found[0])
        after = change(before)
        if after == before:
            return after
        body = after.model_dump_json().encode()
        if (
            storage.put_if_absent(key, body)
            if found is None
            else storage.put_if_unchanged(key, body, found[1])
        ):
            return after
    raise EvergreenError(
        f"other checks of {model} kept writing first",
        where=storage.uri(key),
        fix="Run the check again.",
    )
