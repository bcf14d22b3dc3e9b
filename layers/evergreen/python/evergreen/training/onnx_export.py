"""ONNX export: from a fitted scikit-learn estimator to a bundle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from skl2onnx import convert_sklearn
from skl2onnx.common._registration import get_converter, get_shape_calculator
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.preprocessing import MaxAbsScaler, RobustScaler, StandardScaler

from evergreen.bundle.predictor import Predictor
from evergreen.bundle.store import Bundle, Signature, TrainedFeature
from evergreen.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray
    from sklearn.base import BaseEstimator

    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition

MAX_DIFFERENT = 0.001
"""Share of rows whose output, or whose probabilities, may differ between scikit-learn and ONNX."""
MAX_PROBABILITY_ERROR = 1e-3
"""Two probabilities within this distance count as equal. 32-bit sums differ by some 1e-7. A scaled
value may be rounded to the other side of a tree's threshold; then they differ by the weight of a
tree."""
MAX_RELATIVE_ERROR = 1e-3
"""Two numbers this close count as equal, relative to the larger of value and mean size."""


def export_bundle(
    estimator: BaseEstimator, definition: ModelDefinition, columns: Columns, version: str
) -> Bundle:
    """Convert a fitted estimator to ONNX and check on ``columns`` that it predicts the same.

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
        If the estimator cannot be converted, or if the outputs of more than 0.1 % of the rows
        differ, or the probabilities of as many by more than :data:`MAX_PROBABILITY_ERROR`.
    """
    classes, class_type = _classes(estimator, definition)
    frame = pd.DataFrame(columns)
    expected = np.asarray(estimator.predict(frame)).ravel()
    numeric = classes is None and np.isfinite(expected).all()
    bundle = Bundle(
        version=version,
        signature=Signature(
            task=definition.task,
            target=definition.target,
            features=tuple(_trained(definition, name, columns) for name in definition.features),
            classes=classes,
            class_type=class_type,
            probabilities=classes is not None and hasattr(estimator, "predict_proba"),
            output_range=(float(expected.min()), float(expected.max())) if numeric else None,
        ),
        onnx=_convert(estimator, definition),
    )
    predictor = Predictor(bundle)
    _require_few(_different(expected, predictor, columns), "outputs", definition)
    probabilities = predictor.probabilities(columns)
    if probabilities is not None:
        gaps = np.abs(probabilities - estimator.predict_proba(frame)).max(axis=1)
        _require_few(gaps > MAX_PROBABILITY_ERROR, "probabilities", definition)
    return bundle


def _require_few(different: NDArray[np.bool_], what: str, definition: ModelDefinition) -> None:
    share = float(np.mean(different))
    if share > MAX_DIFFERENT:
        raise BundleError(
            f"the {what} of ONNX and scikit-learn differ on {share:.2%} of {different.size} rows; "
            f"at most {MAX_DIFFERENT:.1%} may",
            where=definition.name,
            fix=(
                "Use transformers and estimators that skl2onnx converts exactly. The usual cause "
                "is arithmetic before trees: a value rounded at 32 bits falls on the other side "
                "of a threshold. Trees need no scaling; pass numbers through."
            ),
        )


def _convert(estimator: BaseEstimator, definition: ModelDefinition) -> bytes:
    inputs = [
        (name, FloatTensorType([None, 1]) if feature.is_numeric else StringTensorType([None, 1]))
        for name, feature in definition.features.items()
    ]
    options: dict[Any, dict[str, object]] = dict(_SCALING)
    if definition.task == "classification":
        options[id(estimator)] = {"zipmap": False}
    try:
        model = convert_sklearn(
            estimator,
            name=definition.name,
            initial_types=inputs,
            options=options,
            custom_conversion_functions={
                kind: _with_integer_attributes(get_converter(alias))
                for kind, alias in _HIST_GRADIENT_BOOSTING.items()
            },
            custom_shape_calculators={
                kind: get_shape_calculator(alias) for kind, alias in _HIST_GRADIENT_BOOSTING.items()
            },
        )
    except Exception as error:  # skl2onnx raises whatever its parts raise
        raise BundleError(
            f"{type(estimator).__name__} cannot be converted to ONNX: {error}",
            where=definition.name,
            fix="See onnx.ai/sklearn-onnx/supported.html for what can.",
        ) from error
    return bytes(model.SerializeToString())


# skl2onnx multiplies by the inverse of a scale where scikit-learn divides. The result is rounded
# differently, and a forest after the scaler then gives other probabilities: on 13,312 flights those
# of 2.0 % of the rows differed by up to .036, and none with the division. RobustScaler computes in
# 64 bits.
_SCALING = {
    MaxAbsScaler: {"div": "div"},
    RobustScaler: {"div": "div_cast"},
    StandardScaler: {"div": "div"},
}
_HIST_GRADIENT_BOOSTING = {
    HistGradientBoostingClassifier: "SklearnHistGradientBoostingClassifier",
    HistGradientBoostingRegressor: "SklearnHistGradientBoostingRegressor",
}


class _IntegerAttributes:
    """A skl2onnx container that writes booleans among a node's attributes as 0 and 1.

    skl2onnx 1.20 passes scikit-learn's ``missing_go_to_left`` on unchanged, but ONNX accepts no
    booleans ("Expected an int, got a boolean").
    """

    def __init__(self, container: Any) -> None:  # noqa: ANN401 - skl2onnx has no types
        self._container = container

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._container, name)

    def add_node(self, *args: Any, **attributes: Any) -> None:  # noqa: ANN401
        self._container.add_node(
            *args, **{name: _integers(value) for name, value in attributes.items()}
        )


def _integers(value: Any) -> Any:  # noqa: ANN401 - any ONNX attribute
    if isinstance(value, list) and any(isinstance(item, bool | np.bool_) for item in value):
        return [int(item) for item in value]
    return value


def _with_integer_attributes(converter: Callable[..., None]) -> Callable[..., None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401
        converter(scope, operator, _IntegerAttributes(container))

    return convert


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


def _trained(definition: ModelDefinition, name: str, columns: Columns) -> TrainedFeature:
    feature = definition.features[name]
    values = columns[name]
    low = high = categories = None
    if feature.is_numeric:
        present = values[~np.isnan(values)]
        low, high = (float(present.min()), float(present.max())) if present.size else (None, None)
    else:
        categories = tuple(sorted(set(values.tolist())))
    return TrainedFeature(
        name=name,
        type=feature.type,
        nullable=feature.nullable,
        min=low,
        max=high,
        categories=categories,
        redacted=name in definition.request_log.redact,
    )


def _different(expected: NDArray[Any], predictor: Predictor, columns: Columns) -> NDArray[np.bool_]:
    outputs = np.asarray(predictor.predict(columns).outputs)
    if predictor.signature.task == "classification":
        return np.asarray(outputs != expected)
    scale = np.maximum(np.abs(expected), np.mean(np.abs(expected)))
    return np.asarray(np.abs(outputs - expected) > MAX_RELATIVE_ERROR * scale)
