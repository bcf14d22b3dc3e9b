"""What a model from a file is tried on: rows alone, and rows that the definition allows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from evergreen.bundle.predictor import Predictor
from evergreen.errors import BundleError
from evergreen.training.probes import EVERY_NULLABLE, probes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from evergreen.bundle.content import Bundle
    from evergreen.columns import Columns
    from evergreen.model_definition import ModelDefinition

_ALONE = 20
"""How many rows are predicted alone and among the others."""


def require_same_alone(bundle: Bundle, columns: Columns, definition: ModelDefinition) -> None:
    """Check that a row's answer depends on nothing but the row.

    Raises
    ------
    BundleError
        If it depends on the other rows, or on chance.
    """
    rows = len(next(iter(columns.values())))
    places = np.unique(np.linspace(0, rows - 1, _ALONE, dtype=np.int64))
    predictor = Predictor(bundle)
    together = _answers(predictor, {name: values[places] for name, values in columns.items()})
    alone = np.concatenate(
        [
            _answers(
                predictor, {name: values[place : place + 1] for name, values in columns.items()}
            )
            for place in places.tolist()
        ]
    )
    if not np.allclose(together, alone, rtol=1e-3, atol=1e-4):
        raise BundleError(
            f"{int((~np.isclose(together, alone, rtol=1e-3, atol=1e-4)).any(axis=1).sum())} of "
            f"{places.size} rows get another answer alone than among others, or the second time",
            where=definition.name,
            fix="Export it for inference: dropout and the statistics of a batch must be off "
            "(PyTorch: model.eval()).",
        )


def _answers(predictor: Predictor, columns: Columns) -> NDArray[np.float64]:
    """Return what a model answers, as numbers, shape (rows, columns)."""
    scores = predictor.probabilities(columns)
    if scores is not None:
        return scores
    outputs = predictor.predict(columns).outputs
    if predictor.signature.classes is None:
        return np.asarray(outputs, dtype=np.float64)[:, np.newaxis]
    places = [predictor.signature.classes.index(str(label)) for label in outputs]
    return np.asarray(places, dtype=np.float64)[:, np.newaxis]


def probed(bundle: Bundle, definition: ModelDefinition, columns: Columns) -> Bundle:
    """Try the rows that the definition allows; note features that take no unseen category.

    Raises
    ------
    BundleError
        If a row without a value, or at the end of a range, gets no finite answer.
    """
    predictor, closed = Predictor(bundle), set()
    for probe in probes(definition, columns, bundle.model):
        for name, rows in probe.parts():
            try:
                answers = _answers(predictor, rows)
            except Exception as error:
                if probe.kind != "unseen":
                    raise _fails_on(name, probe.kind, str(error), definition) from error
                closed.add(name)
                continue
            if not np.isfinite(answers).all():
                why = "the answer is not a finite number"
                raise _fails_on(name, probe.kind, why, definition)
    features = tuple(
        item.model_copy(update={"closed": item.name in closed})
        for item in bundle.signature.features
    )
    return replace(bundle, signature=bundle.signature.model_copy(update={"features": features}))


def _fails_on(name: str, kind: str, why: str, definition: ModelDefinition) -> BundleError:
    why = why.strip().splitlines()[0].rstrip(".")
    where = f"models/{definition.name}/model.toml"
    if kind == "missing":
        which = "Every nullable feature" if name == EVERY_NULLABLE else name
        return BundleError(
            f"{which} may be missing, but the model fails on rows without it: {why}",
            where=where,
            fix="Export a model that fills missing values, or take nullable from it.",
        )
    what = {"unseen": "a category that the rows do not have", "ends": "the ends of its range"}
    return BundleError(
        f"the model fails on {what.get(kind, 'a value')} of {name}: {why}",
        where=where,
        fix=f"Export a model that takes them, or set min and max of {name} to what it takes.",
    )
