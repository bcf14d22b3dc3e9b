"""Data quality: counts missing, out-of-range and unseen values of requests, and refuses none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.columns import MISSING_CATEGORY

if TYPE_CHECKING:
    from evergreen.bundle.content import Signature
    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True)
class QualityCounts:
    """Counts of the missing, out-of-range and unseen values of a request."""

    missing: int
    out_of_range: int
    unseen_categories: int


class QualityCheck:
    """Counts findings for one model.

    Parameters
    ----------
    definition
        Gives the plausible range of each number (``min``, ``max``).
    signature
        Gives the categories in the training data.
    """

    def __init__(self, definition: ModelDefinition, signature: Signature) -> None:
        self._numeric = definition.numeric_features
        features = [definition.features[name] for name in self._numeric]
        lows = [-np.inf if feature.min is None else feature.min for feature in features]
        highs = [np.inf if feature.max is None else feature.max for feature in features]
        self._low = np.array(lows, dtype=np.float32)[:, None]
        self._high = np.array(highs, dtype=np.float32)[:, None]
        self._known = {
            feature.name: frozenset(feature.categories) | {MISSING_CATEGORY}
            for feature in signature.features
            if feature.categories is not None
        }

    def count(self, columns: Columns) -> QualityCounts:
        """Count over all rows; a missing value is neither out of range nor unseen."""
        missing = out_of_range = unseen = 0
        if self._numeric:
            numbers = np.array([columns[name] for name in self._numeric])
            inside = (numbers >= self._low) & (numbers <= self._high)
            if not inside.all():  # neither is a missing value inside
                missing = int(np.count_nonzero(np.isnan(numbers)))
                out_of_range = int(np.count_nonzero(~inside)) - missing
        for name, known in self._known.items():
            values = columns[name].tolist()
            missing += values.count(MISSING_CATEGORY)
            if not known.issuperset(values):
                unseen += sum(value not in known for value in values)
        return QualityCounts(missing, out_of_range, unseen)

    def explain(self, columns: Columns, found: QualityCounts) -> list[str]:
        """Return a sentence for each feature with values out of range or unseen in training.

        Parameters
        ----------
        found
            What :meth:`count` found in the same columns.
        """
        texts = []
        if found.out_of_range:
            for at, name in enumerate(self._numeric):
                outside = (columns[name] < self._low[at]) | (columns[name] > self._high[at])
                if rows := int(np.count_nonzero(outside)):
                    low, high = self._low[at, 0], self._high[at, 0]
                    texts.append(f"{name}: {rows} outside the plausible range, {low:g} to {high:g}")
        if found.unseen_categories:
            for name, known in self._known.items():
                if rows := sum(value not in known for value in columns[name].tolist()):
                    texts.append(f"{name}: {rows} that training never saw")
        return texts
