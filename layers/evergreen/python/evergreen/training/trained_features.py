"""Features as training has seen them: with their ranges, or their categories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from evergreen.bundle.content import TrainedFeature

if TYPE_CHECKING:
    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition


def trained_feature(definition: ModelDefinition, name: str, columns: Columns) -> TrainedFeature:
    """Return a feature with its range or its categories in the rows trained on."""
    feature = definition.features[name]
    values = columns[name]
    low = high = categories = None
    if feature.is_numeric:
        present = values[~np.isnan(values)]
        low, high = (float(present.min()), float(present.max())) if present.size else (None, None)
    elif feature.type == "category":
        categories = tuple(sorted(set(values.tolist())))
    return TrainedFeature(
        name=name,
        type=feature.type,
        nullable=feature.nullable,
        min=low,
        max=high,
        categories=categories,
        derived_from=feature.derived_from,
        derivation=feature.derivation,
        redacted=name in definition.request_log.redact,
    )
