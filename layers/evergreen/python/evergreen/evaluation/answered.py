"""Which rows of a holdout both models have an answer to.

A model has none where its estimator does not take a category that is new, where it fails, or where
it answers with no finite number: callers get an error for such rows. Nothing that is measured on
the other rows says so. Without this, no comparison with such a champion could end, and it would
stay in production for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from evergreen.bundle.predictor import Predictor, require_finite
from evergreen.bundle.served import served_definition
from evergreen.datasets.schema import to_columns
from evergreen.errors import PredictionError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.model_definition import ModelDefinition


@dataclass(frozen=True, slots=True, eq=False)
class AnsweredRows:
    """Which of n rows each of two models has an answer to."""

    champion: NDArray[np.bool_]
    challenger: NDArray[np.bool_]

    @property
    def both(self) -> NDArray[np.bool_]:
        """The rows that both answer."""
        return self.champion & self.challenger

    @property
    def champion_lacks_more(self) -> bool:
        """Whether the champion answers fewer rows than the challenger."""
        return int(self.champion.sum()) < int(self.challenger.sum())

    @property
    def challenger_lacks_more(self) -> bool:
        """Whether the challenger answers fewer rows than the champion."""
        return int(self.challenger.sum()) < int(self.champion.sum())

    def __str__(self) -> str:
        """Say in words who has no answer to how many rows."""
        lacking = (int((~each).sum()) for each in (self.champion, self.challenger))
        return "of {} rows the champion has no answer to {}, and the challenger to {}".format(
            len(self.champion), *lacking
        )


def answered_rows(
    definition: ModelDefinition,
    holdout: pa.Table,
    champion: Iterable[Bundle],
    challenger: Bundle,
) -> AnsweredRows:
    """Return which rows champion and challenger have an answer to.

    Parameters
    ----------
    definition
        The model's.
    holdout
        n rows.
    champion
        Its bundles: the judged one, and what serves. A row counts if both answer it.
    challenger
        Its judged bundle.
    """
    old = [_answered(definition, holdout, each) for each in champion]
    return AnsweredRows(np.logical_and.reduce(old), _answered(definition, holdout, challenger))


def _answered(definition: ModelDefinition, holdout: pa.Table, bundle: Bundle) -> NDArray[np.bool_]:
    """Halve what fails until single rows are left: a library may say no more than that it fails."""
    predictor = Predictor(bundle)
    columns = to_columns(served_definition(definition, bundle.signature), holdout)
    answered = np.zeros(holdout.num_rows, bool)
    parts = [slice(0, holdout.num_rows)]
    while parts:
        part = parts.pop()
        try:
            found = predictor.predict({name: values[part] for name, values in columns.items()})
            require_finite(found, bundle.version)
        except PredictionError:
            middle = (part.start + part.stop) // 2
            if middle > part.start:
                parts += [slice(part.start, middle), slice(middle, part.stop)]
        else:
            answered[part] = True
    return answered
