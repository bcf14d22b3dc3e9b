"""Columns of a request: checked as a whole, and encoded as the model sees them."""

from __future__ import annotations

import struct
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from evergreen.columns import MAX_WHOLE, MISSING_CATEGORY, Columns
from evergreen.model_definition.moments import read_moment
from evergreen.serving.value_faults import FLOAT32_END, JSON_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from evergreen.model_definition import ModelDefinition

_NONE = frozenset({type(None)})


class ColumnEncoder:
    """Encodes the values of requests for one model.

    Parameters
    ----------
    definition
        The model's definition.
    closed
        For each feature that does not take every category, those that it takes.
    """

    def __init__(self, definition: ModelDefinition, closed: Mapping[str, frozenset[str]]) -> None:
        self._closed = closed
        self._features = definition.features
        self._names = list(definition.features)
        self._allowed = {
            name: JSON_TYPES[feature.type] | (_NONE if feature.nullable else frozenset())
            for name, feature in definition.features.items()
        }
        self._numeric = definition.numeric_features
        self._category = definition.category_features
        self._moments = [
            name for name, feature in definition.features.items() if feature.type == "timestamp"
        ]
        self._whole = [
            index
            for index, name in enumerate(self._numeric)
            if definition.features[name].type == "integer"
        ]

    def have_their_types(self, written: Mapping[str, Any]) -> bool:
        """Return whether every value has a JSON type that its feature takes."""
        return all(
            self._allowed[name].issuperset(map(type, values)) for name, values in written.items()
        )

    def encode(self, written: Mapping[str, Any]) -> Columns | None:
        """Return the columns, or None if any value, of the right type, does not fit."""
        numbers = self._encode_numbers(written)
        texts = self._encode_categories(written)
        if numbers is None or texts is None:
            return None
        encoded = numbers | texts
        return {name: encoded[name] for name in self._names}

    def _encode_numbers(self, written: Mapping[str, Any]) -> Columns | None:
        if not self._numeric:
            return {}
        try:
            exact = _matrix([written[name] for name in self._numeric])
        except OverflowError:  # an integer too large for a float
            return None
        if (np.abs(exact) >= FLOAT32_END).any():
            return None
        if self._whole and not _are_whole(exact[self._whole]):
            return None
        return dict(zip(self._numeric, exact.astype(np.float32), strict=True))

    def _encode_categories(self, written: Mapping[str, Any]) -> Columns | None:
        encoded: Columns = {}
        for name in self._category:
            values = written[name]
            if not self._features[name].nullable:
                if MISSING_CATEGORY in values:
                    return None
            elif None in values:
                values = [MISSING_CATEGORY if value is None else value for value in values]
            if name in self._closed and not self._closed[name].issuperset(values):
                return None
            if name in self._moments and not _are_moments(values):
                return None
            encoded[name] = np.array(values, dtype=object)
        return encoded


def _matrix(columns: list[Sequence[float | None]]) -> NDArray[np.float64]:
    """Return numbers as an array of shape (columns, rows); None becomes NaN.

    Raises
    ------
    OverflowError
        If an integer is too large for a float.
    """
    size = len(columns) * len(columns[0])
    try:  # half as long as NumPy takes, which looks for what the values are
        packed = struct.pack(f"{size}d", *chain.from_iterable(columns))
    except struct.error:  # a value is None, or an integer too large
        return np.array(columns, dtype=np.float64)
    return np.frombuffer(packed).reshape(len(columns), -1)


def _are_moments(values: Sequence[str]) -> bool:
    return all(text == MISSING_CATEGORY or read_moment(text) is not None for text in values)


def _are_whole(numbers: NDArray[np.float64]) -> bool:
    """Return whether all are whole numbers that 32 bits hold exactly, or missing."""
    if ((np.trunc(numbers) != numbers) & ~np.isnan(numbers)).any():
        return False
    return not (np.abs(numbers) > MAX_WHOLE).any()
