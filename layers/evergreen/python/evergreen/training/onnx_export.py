"""Export: from a fitted scikit-learn estimator to a bundle that provably says the same."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from evergreen.bundle.content import Bundle, Signature
from evergreen.bundle.labels import choose_classes, near_tie
from evergreen.bundle.predictor import Predictor
from evergreen.errors import BundleError, PredictionError
from evergreen.training.conversion import BY_SKLEARN, Decided, to_onnx, without_decision
from evergreen.training.probes import Probe, probes
from evergreen.training.skops_export import Serialised, to_skops
from evergreen.training.texts import with_words_apart
from evergreen.training.trained_features import trained_feature

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition

MAX_DIFFERENT = 0.001
"""Share of training rows whose output, or whose probabilities, may differ between scikit-learn and
ONNX."""
MAX_DIFFERENT_PROBED = 0.01
"""The same share of the rows of a probe in which one feature is changed; one row may always."""
MAX_PROBABILITY_ERROR = 1e-3
"""Two probabilities within this distance count as equal. 32-bit sums differ by some 1e-7. A scaled
value may be rounded to the other side of a tree's threshold; then they differ by the weight of a
tree."""
MAX_RELATIVE_ERROR = 1e-3
"""Two numbers this close count as equal, relative to the larger of value and mean size."""

_PROBED = {
    "missing": "no value in {}",
    "unseen": "a category in {} that training never saw",
    "ends": "the ends of the range of {}",
    "thresholds": "a value of {} at which a tree turns",
}


@dataclass(frozen=True, slots=True, eq=False)
class _Differences:
    """For each row, whether scikit-learn and ONNX differ."""

    outputs: NDArray[np.bool_]
    probabilities: NDArray[np.bool_]


def export_bundle(
    estimator: BaseEstimator, definition: ModelDefinition, columns: Columns, version: str
) -> Bundle:
    """Make the bundle of a fitted estimator and prove that it predicts the same.

    The estimator is converted to ONNX, or with ``serving = "sklearn"`` kept by skops.

    They are compared on ``columns``, and on the rows of :func:`evergreen.training.probes.probes`,
    which the definition allows though training need not have seen them. If the estimator fails on a
    category that training never saw, the bundle says so, and serving refuses such a row.

    Parameters
    ----------
    estimator
        Fitted on a DataFrame with exactly the model's features in order: float32 numbers and
        object categories.
    columns
        The rows to compare on, shape (rows,) each. Pass the training rows, because their ranges and
        categories go into the signature.
    version
        The registry's version of the model.

    Raises
    ------
    BundleError
        If the estimator cannot be converted, or does not take what the definition allows, or if the
        outputs of more than :data:`MAX_DIFFERENT` of the rows differ, or the probabilities of as
        many by more than :data:`MAX_PROBABILITY_ERROR`.
    """
    classes, class_type = _classes(estimator, definition)
    decided = without_decision(estimator, definition.name)
    frame = pd.DataFrame(columns)
    expected = np.asarray(estimator.predict(frame)).ravel()
    numeric = classes is None and np.isfinite(expected).all()
    probable = classes is not None and hasattr(decided.estimator, "predict_proba")
    made = _serialised(decided.estimator, definition)
    bundle = Bundle(
        version=version,
        signature=Signature(
            task=definition.task,
            target=definition.target,
            serving=definition.serving,
            features=tuple(
                trained_feature(definition, name, columns).model_copy(
                    update={"words": made.words.get(name)}
                )
                for name in definition.features
            ),
            classes=classes,
            class_type=class_type,
            probabilities=probable,
            decides="scores" if probable and _by_scores(estimator, decided, frame) else "model",
            threshold=decided.threshold,
            output_range=(float(expected.min()), float(expected.max())) if numeric else None,
        ),
        model=made.model,
        code=made.code,
        trusted=made.types,
    )
    found = _compare(estimator, decided, Predictor(bundle), columns)
    _require_few(found.outputs, "outputs", definition)
    _require_few(found.probabilities, "probabilities", definition)
    closed = set()
    turns = bundle.model if definition.serving == "onnx" else None
    for probe in probes(definition, columns, turns):
        closed |= _probe(estimator, decided, bundle, probe, definition)
    features = tuple(
        item.model_copy(update={"closed": item.name in closed})
        for item in bundle.signature.features
    )
    return replace(bundle, signature=bundle.signature.model_copy(update={"features": features}))


def _serialised(estimator: BaseEstimator, definition: ModelDefinition) -> Serialised:
    if definition.serving == "sklearn":
        return to_skops(estimator, definition.name)
    by_words, rules = with_words_apart(estimator, definition)
    return Serialised(to_onnx(by_words, definition), None, frozenset(), rules)


def _by_scores(estimator: Any, decided: Decided, frame: pd.DataFrame) -> bool:  # noqa: ANN401
    """Return whether the estimator's labels follow from its probabilities, apart from ties.

    Those of a support vector machine do not: its probabilities are fitted afterwards.

    Raises
    ------
    BundleError
        If there is a threshold, and the labels do not follow from it.
    """
    scores = np.asarray(decided.estimator.predict_proba(frame), dtype=np.float64)
    by_scores = np.asarray(estimator.classes_)[choose_classes(scores, decided.threshold)]
    other = np.asarray(by_scores != np.asarray(estimator.predict(frame)))
    follows = not (other & ~near_tie(scores, decided.threshold)).any()
    if decided.threshold is not None and not follows:
        raise BundleError(
            f"the labels of {type(estimator).__name__} do not follow from its threshold",
            where=type(estimator).__name__,
            fix="Return the estimator without the threshold.",
        )
    return follows


def _compare(
    estimator: Any,  # noqa: ANN401 - scikit-learn has no types
    decided: Decided,
    predictor: Predictor,
    columns: Columns,
) -> _Differences:
    """Compare scikit-learn with ONNX on some rows; raises whatever either of them raises."""
    frame = pd.DataFrame(columns)
    with warnings.catch_warnings(action="ignore"):  # about categories that training never saw
        expected = np.asarray(estimator.predict(frame)).ravel()
        scores = None
        if predictor.signature.probabilities:
            scores = np.asarray(decided.estimator.predict_proba(frame), dtype=np.float64)
    outputs = np.asarray(predictor.predict(columns).outputs)
    none = np.zeros(outputs.size, dtype=bool)
    if predictor.signature.task != "classification":
        scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)))
        close = np.abs(outputs - expected) <= MAX_RELATIVE_ERROR * scale  # False for NaN
        return _Differences(~close, none)
    if scores is None:
        return _Differences(np.asarray(outputs != expected), none)
    if predictor.signature.decides == "scores":
        expected = np.asarray(estimator.classes_)[choose_classes(scores, decided.threshold)]
    found = predictor.probabilities(columns)
    gaps = np.abs(np.asarray(found) - scores).max(axis=1)
    return _Differences(np.asarray(outputs != expected), ~(gaps <= MAX_PROBABILITY_ERROR))


def _probe(
    estimator: Any,  # noqa: ANN401 - scikit-learn has no types
    decided: Decided,
    bundle: Bundle,
    probe: Probe,
    definition: ModelDefinition,
) -> set[str]:
    """Compare on the rows of a probe; return the features that take no unseen category.

    Raises
    ------
    BundleError
        If the answers differ, or if there is none for a missing value that the definition allows.
    """
    predictor = Predictor(bundle)
    try:
        found = _compare(estimator, decided, predictor, probe.columns)
        parts = [
            (name, found.outputs[probe.changed == name], found.probabilities[probe.changed == name])
            for name in dict.fromkeys(probe.changed.tolist())
        ]
    except Exception:  # noqa: BLE001 - which feature it was is found below
        parts, closed = [], set()
        for name, rows in probe.parts():
            try:
                found = _compare(estimator, decided, predictor, rows)
                parts.append((name, found.outputs, found.probabilities))
            except Exception as error:
                if probe.kind == "missing":
                    raise _cannot_be_missing(name, error, definition) from error
                if definition.features[name].type == "text":
                    raise BundleError(
                        f"the estimator fails on words that training never saw: {error}",
                        where=f"{definition.name}.features.{name}",
                    ) from error
                closed |= {name} if probe.kind == "unseen" else set()
    else:
        closed = set()
    for name, outputs, probabilities in parts:
        for what, different in (("outputs", outputs), ("probabilities", probabilities)):
            allowed = max(1.0, MAX_DIFFERENT_PROBED * different.size)
            if different.sum() > allowed:
                raise _differ(what, different, definition, _PROBED[probe.kind].format(name))
    return closed


def _cannot_be_missing(name: str, error: Exception, definition: ModelDefinition) -> BundleError:
    answered = isinstance(error, PredictionError)
    why = str(error).strip().splitlines()[0].rstrip(".")
    return BundleError(
        f"{name} may be missing, but {'ONNX' if answered else 'the estimator'} fails on rows "
        f"without it: {why}",
        where=f"{definition.name}.features.{name}",
        fix=(
            "Fill missing values in training.py (SimpleImputer, or handle_unknown='ignore' for a "
            "category), or take 'nullable = true' from it in model.toml."
        ),
    )


def _require_few(different: NDArray[np.bool_], what: str, definition: ModelDefinition) -> None:
    if float(np.mean(different)) > MAX_DIFFERENT:
        raise _differ(what, different, definition, None)


def _differ(
    what: str, different: NDArray[np.bool_], definition: ModelDefinition, probed: str | None
) -> BundleError:
    share = float(np.mean(different))
    among = f" with {probed}" if probed else f"; at most {MAX_DIFFERENT:.1%} may"
    return BundleError(
        f"the {what} of ONNX and scikit-learn differ on {share:.2%} of {different.size} rows"
        f"{among}",
        where=definition.name,
        fix=(
            "Use transformers and estimators that skl2onnx converts exactly. The usual cause "
            "is arithmetic before trees: a value rounded at 32 bits falls on the other side "
            "of a threshold. Trees need no scaling; pass numbers through. Or serve the estimator "
            f"itself: {BY_SKLEARN}."
        ),
    )


def _classes(
    estimator: Any,  # noqa: ANN401 - scikit-learn has no types
    definition: ModelDefinition,
) -> tuple[tuple[str, ...] | None, Literal["string", "integer", "boolean"]]:
    if definition.task != "classification":
        return None, "string"
    labels = np.asarray(estimator.classes_)
    if labels.dtype.kind == "b":
        return ("False", "True"), "boolean"
    if labels.dtype.kind in "iu":
        return tuple(str(label) for label in labels.tolist()), "integer"
    if all(isinstance(label, str) for label in labels.tolist()):
        return tuple(labels.tolist()), "string"
    raise BundleError(
        f"class labels are {labels.dtype}: {labels.tolist()[:5]}",
        where=definition.name,
        fix="Train on strings, integers or booleans.",
    )
