"""Removal of a model: all that a deployment has of one that is no longer part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.drift.episodes.state import episodes_key
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.registry.places import REGISTRY_PREFIX
from evergreen.release.decision_log import decisions_prefix
from evergreen.release.retraining_lock import lock_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.storage import Storage


def places(model: str) -> Iterator[tuple[str, str]]:
    """Yield what a model has in the data bucket, and the prefix where it is.

    Each prefix ends with a slash or is a whole key, so none is that of a model whose name begins
    with this one's.
    """
    for kind, said in ((REQUEST_LOG, "request log"), (LABELS, "ground truth")):
        yield f"{said}: raw objects", kind.landing_prefix(model)
        yield f"{said}: table", kind.table_prefix(model)
        yield f"{said}: lists of raw objects", kind.held_prefix(model)
        yield f"{said}: rejected lines", kind.rejected_prefix(model)
    yield "ground truth: imports", f"labels/imports/model={model}/"
    yield "data sets", f"datasets/{model}/"
    yield "bundles", f"bundles/{model}/"
    yield "drift log", f"drift/log/model={model}/"
    yield "drift reports", f"drift/reports/{model}/"
    yield "drift episodes", episodes_key(model)
    yield "decisions", decisions_prefix(model)
    yield "registry", f"{REGISTRY_PREFIX}{model}/"
    yield "lock of a retraining", lock_key(model)


def count_objects(storage: Storage, model: str) -> dict[str, int]:
    """Return the number of objects of each kind that a model has, without those that it has not."""
    counted = {what: sum(1 for _ in storage.list(prefix)) for what, prefix in places(model)}
    return {what: number for what, number in counted.items() if number}


def remove_model_data(storage: Storage, catalog: LakeCatalog, model: str) -> dict[str, int]:
    """Delete all objects of a model, replaced versions too; return their numbers by kind.

    The catalogue forgets the tables first, so that no reader meets half of one. Run again after an
    interruption, it deletes what is left.
    """
    for kind in (REQUEST_LOG, LABELS):
        catalog.forget(kind, model)
    removed = {}
    for what, prefix in places(model):
        if number := storage.delete_below(prefix):
            removed[what] = number
        storage.purge(prefix)
    return removed
