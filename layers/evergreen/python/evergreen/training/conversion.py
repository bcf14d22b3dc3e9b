"""Conversion: from a fitted scikit-learn estimator to ONNX, with skl2onnx' mistakes corrected.

Each correction is here because a comparison with scikit-learn failed without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from skl2onnx import convert_sklearn, get_latest_tested_opset_version
from skl2onnx.common._registration import get_converter, get_shape_calculator
from skl2onnx.common._topology import Topology
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, OneHotEncoder, RobustScaler, StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from evergreen.errors import BundleError
from evergreen.training.boosted import register_boosted, round_down

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class Decided:
    """An estimator without what decides around it.

    Parameters
    ----------
    estimator
        Gives the probabilities, or the numbers.
    threshold
        Least probability with which the second of two classes is predicted, or None.
    """

    estimator: Any
    threshold: float | None = None


def without_decision(estimator: Any, where: str) -> Decided:  # noqa: ANN401 - no types
    """Take a fitted estimator out of a search, and out of the threshold put on its probabilities.

    Raises
    ------
    BundleError
        If the threshold is on anything but the probability of the second class.
    """
    if hasattr(estimator, "best_estimator_"):
        return without_decision(estimator.best_estimator_, where)
    if isinstance(estimator, FrozenEstimator):
        return without_decision(estimator.estimator, where)
    if not isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        return Decided(estimator)
    inner = without_decision(estimator.estimator_, where).estimator
    threshold = getattr(estimator, "best_threshold_", None)
    if threshold is None:
        threshold = 0.5 if estimator.threshold == "auto" else estimator.threshold
    positive = getattr(estimator, "pos_label", None)
    last = estimator.classes_[-1]
    probable = hasattr(inner, "predict_proba") and estimator.response_method != "decision_function"
    if len(estimator.classes_) != 2 or not probable or positive not in (None, last):
        raise BundleError(
            f"{type(estimator).__name__} has a threshold that a bundle cannot hold",
            where=where,
            fix=f"Put it on the probability of {last!r}, the last of two classes.",
        )
    return Decided(inner, float(threshold))


BY_SKLEARN = 'serving = "sklearn" in model.toml'
"""What a user writes where ONNX cannot hold an estimator."""


def to_onnx(estimator: Any, definition: ModelDefinition) -> bytes:  # noqa: ANN401 - no types
    """Convert a fitted estimator; its inputs are the features by name, of shape (rows, 1) each.

    Raises
    ------
    BundleError
        If skl2onnx cannot convert it.
    """
    register_boosted()
    estimator = _without_samplers(estimator)
    failure: Exception | None = None
    for candidate in _candidates(estimator, definition):
        try:
            return _convert(candidate, definition)
        except Exception as error:  # noqa: BLE001 - skl2onnx raises whatever its parts raise
            failure = failure or error
    raise BundleError(
        f"{type(estimator).__name__} cannot be converted to ONNX: {failure}",
        where=definition.name,
        fix=_advice(estimator, definition),
    ) from failure


def _without_samplers(estimator: Any) -> Any:  # noqa: ANN401 - no types
    """Return a pipeline without imbalanced-learn's samplers, which only change rows to fit on."""
    if not isinstance(estimator, Pipeline):
        return estimator
    kept = [step for step in estimator.steps if not hasattr(step[1], "fit_resample")]
    return estimator if len(kept) == len(estimator.steps) else Pipeline(kept)


def _advice(estimator: Any, definition: ModelDefinition) -> str:  # noqa: ANN401 - no types
    mixed = len({feature.is_numeric for feature in definition.features.values()}) > 1
    if mixed and not isinstance(estimator, Pipeline):
        return (
            "Return a Pipeline: a ColumnTransformer that passes numbers through and encodes "
            "categories, then the estimator. models/flight_delay/training.py is one."
        )
    return (
        "docs/estimators.md lists what can be converted. The usual causes are a "
        f"FunctionTransformer or a class of your own, which ONNX cannot hold: {BY_SKLEARN} serves "
        "them."
    )


def _candidates(estimator: Any, definition: ModelDefinition) -> list[Any]:  # noqa: ANN401
    """Return the estimator, first behind one input of all features if it takes them as one."""
    kinds = {feature.is_numeric for feature in definition.features.values()}
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("estimator", estimator)]
    by_name = isinstance(steps[0][1], ColumnTransformer)
    if by_name or len(definition.features) == 1 or len(kinds) > 1:
        return [estimator]
    names = list(definition.features)
    kind = "float32" if kinds == {True} else object
    columns = ColumnTransformer([("all", "passthrough", names)])
    columns.fit(pd.DataFrame({name: np.zeros(2, dtype=kind) for name in names}))
    return [Pipeline([("all_features", columns), *steps]), estimator]


def _convert(estimator: Any, definition: ModelDefinition) -> bytes:  # noqa: ANN401 - no types
    inputs = [
        (name, FloatTensorType([None, 1]) if feature.is_numeric else StringTensorType([None, 1]))
        for name, feature in definition.features.items()
    ]
    options: dict[Any, dict[str, object]] = dict(_SCALING)
    if definition.task == "classification":
        options[id(estimator)] = {"zipmap": False}
    model = convert_sklearn(
        estimator,
        name=definition.name,
        initial_types=inputs,
        options=options,
        target_opset={"": get_latest_tested_opset_version(), "ai.onnx.ml": _TREES},
        custom_conversion_functions={
            kind: _corrected(get_converter(alias)) for kind, alias in _CORRECTED.items()
        },
        custom_shape_calculators={
            kind: get_shape_calculator(alias) for kind, alias in _CORRECTED.items()
        },
    )
    _name_inputs(model, list(definition.features))
    return bytes(model.SerializeToString())


def _name_inputs(model: Any, names: list[str]) -> None:  # noqa: ANN401 - onnx has no types
    """Give the inputs the names of the features again, where skl2onnx wrote "a b" as "a_b"."""
    taken: set[str] = set()
    written = {Topology._generate_unique_name(name, taken): name for name in names}  # noqa: SLF001
    for value in model.graph.input:
        value.name = written[value.name]
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = written.get(name, name)


_TREES = 3
"""Version of ONNX' operators for trees: the newest that onnxmltools and CatBoost write."""

# skl2onnx multiplies by the inverse of a scale where scikit-learn divides. The result is rounded
# differently, and a forest after the scaler then gives other probabilities: on 13,312 flights those
# of 2.0 % of the rows differed by up to .036, and none with the division. RobustScaler computes in
# 64 bits.
_SCALING = {
    MaxAbsScaler: {"div": "div"},
    RobustScaler: {"div": "div_cast"},
    StandardScaler: {"div": "div"},
}
_CORRECTED = {
    kind: f"Sklearn{kind.__name__}"
    for kind in (
        *(DecisionTreeClassifier, DecisionTreeRegressor),
        *(ExtraTreeClassifier, ExtraTreeRegressor),
        *(ExtraTreesClassifier, ExtraTreesRegressor),
        *(HistGradientBoostingClassifier, HistGradientBoostingRegressor),
        *(RandomForestClassifier, RandomForestRegressor),
        OneHotEncoder,
    )
}


class _CorrectingContainer:
    """A skl2onnx container that corrects the attributes of the nodes of one estimator.

    skl2onnx 1.20 passes scikit-learn's ``missing_go_to_left`` of boosted trees on unchanged, but
    ONNX accepts no booleans ("Expected an int, got a boolean"). For other trees it leaves it out,
    so every missing value goes right. It rounds a boosted tree's threshold to the nearest 32-bit
    float, which may be the next larger value of a feature. And it lets a one-hot encoder fail on a
    category that training never saw wherever ``handle_unknown`` is not ``"ignore"``.
    """

    def __init__(self, container: Any, estimator: Any) -> None:  # noqa: ANN401 - no types
        self._container = container
        self._estimator = estimator

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._container, name)

    def add_node(self, kind: str, *args: Any, **attributes: Any) -> None:  # noqa: ANN401
        if kind.startswith("TreeEnsemble") and "nodes_modes" in attributes:
            attributes |= _missing_of(self._estimator, attributes)
            attributes |= _thresholds_of(self._estimator, attributes)
        if kind == "OneHotEncoder" and _zero_if_unknown(self._estimator):
            attributes["zeros"] = 1
        self._container.add_node(
            kind, *args, **{name: _integers(value) for name, value in attributes.items()}
        )


def _missing_of(estimator: Any, attributes: dict[str, Any]) -> dict[str, list[int]]:  # noqa: ANN401
    """Return where missing values go at each node of scikit-learn's own trees."""
    members = np.ravel(getattr(estimator, "estimators_", [estimator])).tolist()
    if not all(hasattr(member, "tree_") for member in members):
        return {}
    places = zip(
        attributes["nodes_treeids"],
        attributes["nodes_nodeids"],
        attributes["nodes_modes"],
        strict=True,
    )
    goes_left = [member.tree_.missing_go_to_left for member in members]
    return {
        "nodes_missing_value_tracks_true": [
            int(mode not in {"LEAF", b"LEAF"} and goes_left[int(tree)][int(node)])
            for tree, node, mode in places
        ]
    }


def _thresholds_of(estimator: Any, attributes: dict[str, Any]) -> dict[str, NDArray[np.float32]]:  # noqa: ANN401
    """Return a boosted tree's thresholds rounded down: the same 32-bit values are below them."""
    trees = [tree for step in getattr(estimator, "_predictors", []) for tree in step]
    if not trees:
        return {}
    places = zip(
        attributes["nodes_treeids"],
        attributes["nodes_nodeids"],
        attributes["nodes_modes"],
        strict=True,
    )
    exact = np.array(
        [
            0.0 if mode in {"LEAF", b"LEAF"} else trees[int(tree)].nodes["num_threshold"][int(node)]
            for tree, node, mode in places
        ]
    )
    return {"nodes_values": round_down(exact)}


def _zero_if_unknown(encoder: Any) -> bool:  # noqa: ANN401 - no types
    """Return whether an unknown category gets zeros, as it does without infrequent ones."""
    if encoder.handle_unknown not in {"infrequent_if_exist", "warn"}:
        return bool(encoder.handle_unknown == "ignore")
    infrequent: list[NDArray[Any] | None] = getattr(encoder, "infrequent_categories_", [])
    return all(names is None for names in infrequent)


def _integers(value: Any) -> Any:  # noqa: ANN401 - any ONNX attribute
    if isinstance(value, list) and any(isinstance(item, bool | np.bool_) for item in value):
        return [int(item) for item in value]
    return value


def _corrected(converter: Callable[..., None]) -> Callable[..., None]:
    def convert(scope: Any, operator: Any, container: Any) -> None:  # noqa: ANN401
        converter(scope, operator, _CorrectingContainer(container, operator.raw_operator))

    return convert
