"""The classes that a deployed model has: those that its labels must be of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.shared.file_classes import KnownClasses
from evergreen.bundle.served import with_known_labels
from evergreen.bundle.store import read_signature
from evergreen.capture.ground_truth import label_record
from evergreen.capture.request_log import new_request_id
from evergreen.clock import utc_now
from evergreen.errors import EvergreenError, NoProductionModelError
from evergreen.production import Production

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from cli.shared.target import Target
    from evergreen.bundle.content import Signature
    from evergreen.model_definition import ModelDefinition


def known_classes(target: Target, definition: ModelDefinition) -> KnownClasses | None:
    """Return the classes of ``model.toml``, else those of the champion; None if it has none."""
    if definition.ground_truth.classes is not None:
        return KnownClasses(definition.ground_truth.classes, "[ground_truth] in model.toml")
    pointer = Production(target.stage, target.client("ssm")).read_last_valid(definition.name)
    if pointer is None:
        return None
    signature = read_signature(target.storage, pointer)
    same = (signature.task, signature.target) == (definition.task, definition.target)
    if not same or signature.classes is None:
        return None
    return KnownClasses(signature.classes, f"version {pointer.version} in production")


def champion_signature(target: Target, definition: ModelDefinition) -> Signature:
    """Return the signature of the version in production.

    Raises
    ------
    NoProductionModelError
        If there is none.
    """
    pointer = Production(target.stage, target.client("ssm")).read(definition.name)
    if pointer is None:
        raise NoProductionModelError(
            f"no version of {definition.name!r} is in production, so there is nothing to label",
            fix="Train and promote one first.",
        )
    return read_signature(target.storage, pointer)


def require_labels(
    definition: ModelDefinition, signature: Signature, rows: pd.DataFrame, file: Path
) -> None:
    """Check that the API will take every label of a file, by the rules of the API.

    Parameters
    ----------
    definition
        The model's.
    signature
        The champion's.
    rows
        The rows in the order in which they are sent.
    file
        Where they come from, for errors.

    Raises
    ------
    EvergreenError
        If it will not take one; it names the first row, in the order of their times.
    """
    known = with_known_labels(definition, signature)
    now = utc_now()
    labels = rows[definition.target]
    faults = {}
    for label in labels.unique().tolist():
        item = {"request_id": new_request_id(), "label": label}
        found = label_record(item, "$", definition=known, timestamp=now, signature=signature)
        if isinstance(found, list):
            faults[label] = found[0].message
    if not faults:
        return
    refused = labels.isin(list(faults))
    first = int(refused.to_numpy().argmax())
    label = labels.iloc[first]
    raise EvergreenError(
        f"the API would refuse {int(refused.sum()):,} labels, and no row was sent. The first is "
        f"{label!r}, of {rows['timestamp'].iloc[first]}: it {faults[label]}",
        where=str(file),
        fix="Mend the labels, or leave these rows out.",
    )
