"""What a changed ``model.toml`` means for a model that serves, in sentences, before it is deployed.

The version in production goes on with the signature that it was trained on
(:mod:`evergreen.bundle.served`): the API takes the same rows, and the drift check looks at its
features. A retraining from the request log needs what these rows have
(:func:`evergreen.datasets.builder.require_columns`). A challenger is promoted without a person only
if the champion can predict its holdout (:func:`evergreen.evaluation.scoring.why_unscorable`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.bundle.content import Signature
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class DefinitionChange:
    """The difference between what serves and what ``model.toml`` says.

    Parameters
    ----------
    model, version
        The model, and what serves.
    added
        Features that only the definition has.
    dropped
        Features that only the served version has.
    retyped
        Features of another type, with the type before.
    renamed
        Features of another name (``renamed_from``): the name before, and the one now.
    required
        Those of ``added`` that every request must have.
    target, task, metric, serving
        What was before, where it is another one now.
    unscored
        Whether the metric scores probabilities that rows so far were logged without.
    """

    model: str
    version: str
    added: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    retyped: tuple[tuple[str, str], ...] = ()
    renamed: tuple[tuple[str, str], ...] = ()
    required: tuple[str, ...] = ()
    target: str | None = None
    task: str | None = None
    metric: str | None = None
    serving: str | None = None
    unscored: bool = False

    def __bool__(self) -> bool:
        named = (self.target, self.task, self.metric, self.serving)
        return bool(self.added or self.dropped or self.retyped or self.renamed or any(named))


def find_change(
    definition: ModelDefinition, version: str, signature: Signature, metric: str | None
) -> DefinitionChange:
    """Compare a definition with the version that serves.

    Parameters
    ----------
    definition
        What ``model.toml`` says now.
    version, signature
        The version in production, and what it was trained on.
    metric
        The metric that it was promoted by, if that is known.
    """
    there = {feature.name for feature in signature.features}
    renamed = {
        feature.renamed_from: name
        for name, feature in definition.features.items()
        if feature.renamed_from in there and name not in there
    }
    # What was renamed is compared by the name that it has now.
    before = {renamed.get(each.name, each.name): each.type for each in signature.features}
    now = {name: feature.type for name, feature in definition.features.items()}
    added = tuple(name for name in now if name not in before)
    return DefinitionChange(
        model=definition.name,
        version=version,
        added=added,
        dropped=tuple(name for name in before if name not in now),
        retyped=tuple((name, kind) for name, kind in before.items() if now.get(name, kind) != kind),
        renamed=tuple((old, new) for old, new in renamed.items() if old is not None),
        required=tuple(name for name in added if not definition.features[name].nullable),
        target=signature.target if signature.target != definition.target else None,
        task=signature.task if signature.task != definition.task else None,
        metric=metric if metric not in {None, definition.metric} else None,
        serving=signature.serving if signature.serving != definition.serving else None,
        unscored=definition.evaluation.takes_probabilities and len(signature.classes or ()) > 2,
    )


def plan_of(change: DefinitionChange, definition: ModelDefinition) -> list[str]:
    """Say what will happen, one sentence after the other; nothing if nothing changes.

    Parameters
    ----------
    change
        A change of :func:`find_change`.
    definition
        The definition that it was found for.
    """
    if not change:
        return []
    plan = _differences(change, definition)
    if change.metric:
        plan.append(
            f"From the next drift check and the next comparison on, {definition.metric} decides, "
            f"for version {change.version} too: its answers on its holdout are kept. The "
            f"figures and decisions before are of {change.metric}."
        )
        if change.unscored:
            plan.append(
                "It scores the probability of every class. Rows that were logged before do not "
                "have them: they are left out of the metric of a window, and counted."
            )
    if change.serving == "sklearn":
        plan.append(
            f"Version {change.version} is served by scikit-learn, and goes on: the model's function"
            " keeps it. The next version is for ONNX. Once no version in production, in the "
            "shadow or before that one needs scikit-learn, `evergreen deploy` takes it out."
        )
    elif change.serving:
        plan.append(
            "The model's function becomes a container image with scikit-learn, which serves "
            f"version {change.version} too. The next version is the estimator itself."
        )
    if not (change.added or change.dropped or change.retyped or change.target or change.task):
        return plan
    plan.append(
        f"Version {change.version} goes on as it is: the API takes the rows that it was trained "
        "on, and the drift check looks at them, until another version is promoted. What was "
        "logged can still be read."
    )
    plan += _retraining(change, definition)
    if change.required:
        plan.append(
            f"Once a version with {_named(change.required)} serves, requests without are refused "
            "(422). With nullable = true they are not."
        )
    return plan


def _differences(change: DefinitionChange, definition: ModelDefinition) -> list[str]:
    types = {name: feature.type for name, feature in definition.features.items()}
    found = [f"{name} ({types[name]}) is added." for name in change.added]
    found += [f"{name} is dropped." for name in change.dropped]
    found += [f"{name} was {kind} and is {types[name]}." for name, kind in change.retyped]
    found += [
        f"{old} is called {new} now. The log and the data sets so far are read by either name, and "
        "the API takes either, all new ones or all old ones, as long as renamed_from stands there."
        for old, new in change.renamed
    ]
    if change.added and change.dropped:
        found.append(
            "If one of them was renamed: write its old name as renamed_from. Else a new name is a "
            "new feature, and the old one is gone."
        )
    if change.target:
        found.append(f"The target was {change.target} and is {definition.target}.")
    if change.task:
        found.append(f"The task was {change.task} and is {definition.task}.")
    if change.metric:
        found.append(f"The metric was {change.metric} and is {definition.metric}.")
    return found


def _retraining(change: DefinitionChange, definition: ModelDefinition) -> list[str]:
    train = f"`evergreen train {change.model} --data FILE`"
    kinds = {name: definition.features[name].is_numeric for name, _ in change.retyped}
    texts = {"category", "text"}
    other_kind = [name for name, kind in change.retyped if kinds[name] == (kind in texts)]
    plan = []
    if change.target or change.task:
        plan.append(
            "The labels so far are not of the new target, so a retraining from the log is skipped. "
            f"Train with {train}."
        )
    elif missing := [*change.added, *other_kind]:
        plan.append(
            f"No logged row has {_named(missing)}, so a retraining from the log is skipped. "
            f"Train with {train}."
        )
    else:
        without = f", without {_named(change.dropped)}" if change.dropped else ""
        plan.append(f"The next retraining learns from the log{without}.")
    if change.target or change.task or change.dropped or other_kind:
        plan.append(
            f"Version {change.version} cannot predict the new rows, so no challenger is promoted "
            f"against it without a person: `evergreen promote {change.model} VERSION`."
        )
    else:
        plan.append("A challenger must win against it on rows that both can predict.")
    return plan


def _named(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
