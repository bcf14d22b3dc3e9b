"""Warnings about the features of a model's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from cli.shared.file_classes import FEW_ROWS
from evergreen.columns import MISSING_CATEGORY
from evergreen.datasets.schema import to_columns
from evergreen.training.trainer import to_features, to_target

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.model_definition import ModelDefinition

LEAK = 0.98
"""Score of one feature alone, of 1, from which it is suspected to give the target away."""
_MORE_THAN_NAIVE = 0.8
"""Share of what the naive forecast leaves open from which a feature is suspected."""
_LEAK_ROWS = 5_000
_SHOWN = 10


def find_leaks(definition: ModelDefinition, rows: pa.Table) -> list[str]:
    """Return a warning for each feature that alone gives the target away.

    A small tree on that feature is trained on every other row and scored on the rest: the share of
    right classes above that of the most frequent, or R squared.
    """
    rows = rows.slice(max(rows.num_rows - _LEAK_ROWS, 0))
    target = to_target(definition, rows).to_numpy()
    features = to_features(definition, rows)
    scores = {}
    for name in features.columns:
        values = features[name]
        codes = values if values.dtype != object else pd.Series(pd.factorize(values)[0])
        scores[name] = _alone(codes.to_numpy(dtype=np.float32)[:, None], target, definition)
    least = LEAK
    if definition.forecast is not None:  # past values alone may say nearly all, and are no leak
        naive = scores.get(definition.forecast.seasonal_naive, 0.0)
        least = max(LEAK, naive + _MORE_THAN_NAIVE * (1 - naive))
    found = []
    for name, score in scores.items():
        if score >= least:
            found.append(
                f"{name} alone gives the target away ({score:.3f} of 1): is it known when a "
                "prediction is asked for?"
            )
    return found


def find_rare_classes(definition: ModelDefinition, rows: pa.Table) -> list[str]:
    """Return a warning of the classes that have so few rows that they may be a mistake."""
    if definition.task != "classification":
        return []
    counted = rows[definition.target].value_counts().to_pylist()
    few = sorted((each["values"], each["counts"]) for each in counted if each["counts"] < FEW_ROWS)
    told = ", ".join(f"{name} ({count})" for name, count in few[:_SHOWN])
    return [f"classes with fewer than {FEW_ROWS} rows: {told}; are they meant?"] if few else []


def find_unlisted(definition: ModelDefinition, rows: pa.Table) -> list[str]:
    """Return a warning for each feature with values that its ``known`` does not list."""
    found = []
    for name, feature in definition.features.items():
        if feature.known is None:
            continue
        values, counts = np.unique(
            to_columns(definition, rows)[name].astype(str), return_counts=True
        )
        other = ~np.isin(values, [*feature.known, MISSING_CATEGORY])
        if other.any():
            some = ", ".join(values[other][:5].tolist())
            fate = "are refused (422)" if feature.only is not None else "are counted"
            found.append(
                f"{name}: {counts[other].sum()} rows have values that known does not list, and "
                f"such requests {fate}: {some}"
            )
    return found


def _alone(values: Any, target: Any, definition: ModelDefinition) -> float:  # noqa: ANN401
    classification = definition.task == "classification"
    tree = DecisionTreeClassifier if classification else DecisionTreeRegressor
    fitted = tree(max_leaf_nodes=64, min_samples_leaf=2, random_state=0).fit(
        values[::2], target[::2]
    )
    score = float(fitted.score(values[1::2], target[1::2]))
    if not classification:
        return score
    _, counts = np.unique(target[1::2], return_counts=True)
    frequent = float(counts.max() / counts.sum())
    return (score - frequent) / max(1 - frequent, 1e-9)
