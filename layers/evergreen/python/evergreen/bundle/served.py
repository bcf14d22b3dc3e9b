"""The definition of what a bundle takes, whatever ``model.toml`` says by now, and of its labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.bundle.content import closed_categories
from evergreen.columns import MISSING_CATEGORY
from evergreen.model_definition import Evaluation, Feature, GroundTruth

if TYPE_CHECKING:
    from collections.abc import Collection

    from evergreen.bundle.content import Signature, TrainedFeature
    from evergreen.model_definition import ModelDefinition

MARGIN = 10
"""How many times the range of the labels in training a plausible label may lie outside it."""


def served_definition(definition: ModelDefinition, signature: Signature) -> ModelDefinition:
    """Return the definition of what a bundle takes: its own task, target and features.

    The features of ``model.toml`` are those of the next training. Until then a bundle serves the
    features that it was trained on, and labels can be what :func:`with_known_labels` says.
    Everything else is as ``model.toml`` says: the plausible range
    of a feature that it still has, and what is kept out of the log. A feature that it no longer
    has stays out of the log if it was kept out when the bundle was trained. A feature that was
    renamed since keeps its name, and rows with either name are read.
    """
    if signature.task == definition.task:
        changed: dict[str, object] = {}
    else:
        # The metric of another task does not fit, and serving does not need one.
        changed = {"evaluation": Evaluation(), "forecast": None, "ground_truth": GroundTruth()}
    trained = {item.name for item in signature.features}
    features = {item.name: _feature(definition, item, trained) for item in signature.features}
    before = _renamed(definition)
    known = {*definition.features, *before}
    gone = (item for item in signature.features if item.name not in known)
    redact = {*definition.request_log.redact, *(item.name for item in gone if item.redacted)}
    redact |= {name for name, now in before.items() if now in redact}
    moments = (item.derived_from for item in features.values() if item.derived_from)
    names = dict.fromkeys([*moments, *features])
    log = definition.request_log.model_copy(
        update={"redact": tuple(name for name in names if name in redact)}
    )
    served = definition.model_copy(
        update={
            **changed,
            "task": signature.task,
            "target": signature.target,
            "features": features,
            "request_log": log,
        }
    )
    return with_known_labels(served, signature)


def accepted_categories(
    definition: ModelDefinition, signature: Signature
) -> dict[str, frozenset[str]]:
    """Return, for each feature that does not take every category, those that it takes.

    They are those that the definition lists, if it refuses others, and if the estimator fails on
    categories that training never saw, those of training.

    Parameters
    ----------
    definition
        What :func:`served_definition` returns for this signature.
    """
    accepted = closed_categories(signature)
    for name, feature in definition.features.items():
        if feature.only is not None:
            allowed = feature.only | ({MISSING_CATEGORY} if feature.nullable else frozenset())
            accepted[name] = accepted.get(name, allowed) & allowed
    return accepted


def with_known_labels(definition: ModelDefinition, signature: Signature) -> ModelDefinition:
    """Return the definition with the labels that can be right, learnt where it does not say.

    They are the classes that the bundle answers with, or a generous range around the labels that it
    was trained on. Nothing is learnt from a bundle of another target or task.
    """
    if (signature.target, signature.task) != (definition.target, definition.task):
        return definition
    learnt: dict[str, object] = {"classes": signature.classes}
    if signature.label_range is not None:
        low, high = signature.label_range
        room = MARGIN * (high - low)
        # Labels that were all the same say nothing about the others.
        learnt |= {"min": low - room, "max": high + room} if room else {}
    declared = definition.ground_truth
    missing = {name: value for name, value in learnt.items() if getattr(declared, name) is None}
    truth = declared.model_copy(update=missing)
    return definition.model_copy(update={"ground_truth": truth})


def _renamed(definition: ModelDefinition) -> dict[str, str]:
    """Return the name that each renamed feature has now, by the name before."""
    return {
        feature.renamed_from: name
        for name, feature in definition.features.items()
        if feature.renamed_from is not None
    }


def _feature(
    definition: ModelDefinition, trained: TrainedFeature, others: Collection[str]
) -> Feature:
    defined = definition.features.get(trained.name)
    other = None if defined is None else defined.renamed_from
    now = _renamed(definition).get(trained.name)
    if defined is None and now is not None and now not in others:
        # Rows may have the new name already, as those of a version with it.
        defined, other = definition.features[now], now
    if other in others:
        other = None
    same = defined is not None and defined.type == trained.type
    plausible: dict[str, Any] = {}
    if defined is not None and same:
        plausible = defined.model_dump(include={"min", "max", "known", "unknown"})
    origin = {
        "derived_from": trained.derived_from,
        "derivation": trained.derivation,
        "renamed_from": other,
    }
    return Feature(type=trained.type, nullable=trained.nullable, **plausible, **origin)
