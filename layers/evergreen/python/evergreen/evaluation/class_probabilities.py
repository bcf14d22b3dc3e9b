"""Probabilities of many classes, as the request log and holdout predictions have them.

There they are JSON texts: each class by its name, with its probability. So rows of versions with
other classes can be compared. This module needs only numpy, as the shadow comparison imports it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from evergreen.model_definition.definition import PROBABILITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

MAX_SCORED_CLASSES = 100
"""The largest number of classes whose probabilities a metric scores: each row of the log has all.
"""


def logged_shares(rows: pa.Table, prefix: str = "") -> list[dict[str, float] | None]:
    """Return the probability of each class by its name, row by row; None where a row has none.

    Parameters
    ----------
    rows
        Rows of the request log, or holdout predictions.
    prefix
        What the name of the column begins with.
    """
    name = prefix + PROBABILITIES
    if name not in rows.column_names:
        return [None] * rows.num_rows
    return [None if text is None else json.loads(text) for text in rows[name].to_pylist()]


def named_classes(*sides: Iterable[dict[str, float] | None]) -> set[str]:
    """Return the classes that have a probability in some row."""
    return {name for side in sides for shares in side if shares for name in shares}


def shares_of_classes(
    rows: Sequence[dict[str, float] | None], classes: Iterable[str]
) -> NDArray[np.float64]:
    """Return the probabilities as an array of shape (rows, classes), NaN where a row has none.

    Parameters
    ----------
    rows
        Probabilities by class; a class that a row does not name has 0.
    classes
        The columns, which are sorted.
    """
    names = sorted(classes)
    nothing = [np.nan] * len(names)
    listed = [
        nothing if shares is None else [shares.get(name, 0.0) for name in names] for shares in rows
    ]
    return np.array(listed, dtype=np.float64).reshape(len(rows), len(names))


def as_columns(
    probabilities: NDArray[np.float64], known: Sequence[str], classes: Iterable[str]
) -> NDArray[np.float64]:
    """Return the probabilities of a model with a column for every class there is, sorted.

    Parameters
    ----------
    probabilities
        Shape (rows, known classes).
    known
        The classes that the model knows; the others have 0.
    classes
        All classes, with those known.
    """
    places = {name: place for place, name in enumerate(sorted(classes))}
    found = np.zeros((len(probabilities), len(places)))
    found[:, [places[name] for name in known]] = probabilities
    return found
