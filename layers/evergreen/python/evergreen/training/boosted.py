"""Boosted trees of other libraries: LightGBM, XGBoost and CatBoost, by their own ONNX converters.

onnxmltools converts the first two, and CatBoost exports itself. skl2onnx calls them for a step of a
pipeline. A library is registered only where the user's ``training.py`` has imported it, because an
import takes a second.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import helper
from skl2onnx import update_registered_converter
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from skl2onnx.common.shape_calculator import (
    calculate_linear_classifier_output_shapes,
    calculate_linear_regressor_output_shapes,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_CLASSIFIERS = {
    "lightgbm": ("LGBMClassifier",),
    "xgboost": ("XGBClassifier", "XGBRFClassifier"),
    "catboost": ("CatBoostClassifier",),
}
_REGRESSORS = {
    "lightgbm": ("LGBMRegressor",),
    "xgboost": ("XGBRegressor", "XGBRFRegressor"),
    "catboost": ("CatBoostRegressor",),
}
_OPTIONS = {"nocl": [True, False], "zipmap": [True, False, "columns"]}


def register_boosted() -> None:
    """Tell skl2onnx how to convert the models of each library that is imported."""
    for library, classifiers in _CLASSIFIERS.items():
        if library not in sys.modules:
            continue
        kinds = sys.modules[library]
        convert = _converter(library)
        for name in classifiers:
            update_registered_converter(
                getattr(kinds, name),
                name,
                calculate_linear_classifier_output_shapes,
                convert,
                overwrite=True,
                parser=_declare_classifier,
                options=_OPTIONS,
            )
        for name in _REGRESSORS[library]:
            update_registered_converter(
                getattr(kinds, name),
                name,
                calculate_linear_regressor_output_shapes,
                convert,
                overwrite=True,
            )


def _declare_classifier(
    scope: Any,  # noqa: ANN401 - skl2onnx has no types
    model: Any,  # noqa: ANN401
    inputs: list[Any],
    custom_parsers: object = None,  # noqa: ARG001 - skl2onnx passes it
) -> list[Any]:
    """Declare a classifier's label and probabilities: skl2onnx asks only its own whether they are.

    The type of the label is that of the classes, which the shape calculator looks at.
    """
    operator = scope.declare_local_operator(type(model).__name__, model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("label", Int64TensorType()))
    operator.outputs.append(scope.declare_local_variable("probabilities", FloatTensorType()))
    return list(operator.outputs)


def _converter(library: str) -> Callable[..., None]:
    if library == "catboost":
        return _convert_catboost
    module = "XGBoost" if library == "xgboost" else "LightGbm"
    convert: Callable[..., None] = getattr(
        importlib.import_module(f"onnxmltools.convert.{library}.operator_converters.{module}"),
        f"convert_{library}",
    )
    if library == "xgboost":
        return convert

    def convert_exactly(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401
        convert(scope, operator, _LightGbmContainer(container))

    return convert_exactly


class _LightGbmContainer:
    """A container that rounds the thresholds of LightGBM's trees down.

    onnxmltools rounds them to the nearest 32-bit float, which may be the next larger value of a
    feature.
    """

    def __init__(self, container: Any) -> None:  # noqa: ANN401 - no types
        self._container = container

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._container, name)

    def add_node(self, kind: str, *args: Any, **attributes: Any) -> None:  # noqa: ANN401
        if kind.startswith("TreeEnsemble"):
            attributes["nodes_values"] = round_down(np.array(attributes["nodes_values"], float))
        self._container.add_node(kind, *args, **attributes)


def round_down(thresholds: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return thresholds as 32-bit floats: the same 32-bit values are at most as large."""
    rounded = thresholds.astype(np.float32)
    lower = np.nextafter(rounded, np.float32(-np.inf))
    return np.where(rounded > thresholds, lower, rounded)


def _convert_catboost(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401, ARG001
    from catboost.utils import convert_to_onnx_object  # noqa: PLC0415 - a large library

    trees: Sequence[Any] = convert_to_onnx_object(operator.raw_operator).graph.node
    attributes = {item.name: helper.get_attribute_value(item) for item in trees[0].attribute}
    container.add_node(
        trees[0].op_type,
        operator.input_full_names,
        operator.output_full_names,
        op_domain="ai.onnx.ml",
        **attributes,
    )
