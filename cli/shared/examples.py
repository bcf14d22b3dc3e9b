"""The example models and their recorded data, for the demonstration and training by hand.

A model is an example if its folder has a ``data.py`` with the names that :func:`find_example`
reads. Nothing else in Evergreen reads ``data.py``.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError
from evergreen.model_definition import ModelDefinition, find_definition

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

MODELS = Path(__file__).resolve().parents[2] / "models"
DEFAULT_MODEL = "flight_delay"


class NoExampleError(EvergreenError):
    """The model has no recorded data, or cannot use the data as asked."""


@dataclass(frozen=True, slots=True)
class Example:
    """A model and its recorded data, cut into periods.

    Parameters
    ----------
    definition
        The model.
    load
        ``load(periods, fraction)`` returns the rows of some periods, oldest first: features,
        target and ``timestamp``.
    period_name
        ``period_name(period)`` returns the name of a period.
    source
        The origin of the data.
    trained_on, replayed
        Periods that the first champion is trained on, and periods that are replayed in order.
    fraction
        Share of all rows, 0 to 1; 1 for a time series, which cannot be sampled.
    batch_rows
        Rows sent in one request.
    """

    definition: ModelDefinition
    load: Callable[[tuple[int, ...], float], pd.DataFrame]
    period_name: Callable[[int], str]
    source: str
    trained_on: tuple[int, ...]
    replayed: tuple[int, ...]
    fraction: float
    batch_rows: int

    @property
    def folder(self) -> Path:
        """The model's folder."""
        return MODELS / self.definition.name


def has_recorded_data(model: str) -> bool:
    """Return whether the model's folder has a ``data.py``."""
    return (MODELS / model / "data.py").is_file()


def labelled_rows_of(models: Path, model: str) -> Path:
    """Return where `evergreen new-model` puts the labelled rows that it made the model of."""
    return models.parent / ".evergreen" / "data" / f"{model}.parquet"


def find_example(model: str) -> Example:
    """Return an example by its model's name.

    Raises
    ------
    UnknownModelError
        If there is no such model.
    NoExampleError
        If the model has no recorded data.
    """
    definition = find_definition(MODELS, model)
    if not has_recorded_data(model):
        made = labelled_rows_of(MODELS, model)
        named = f".evergreen/data/{made.name}" if made.is_file() else "FILE"
        raise NoExampleError(
            f"{model} has no recorded data",
            fix=f"Name a file of labelled rows: `evergreen train {model} --data {named}`.",
        )
    try:
        data = importlib.import_module(f"models.{model}.data")
        return Example(
            definition=definition,
            load=data.load,
            period_name=data.period_name,
            source=data.SOURCE,
            trained_on=data.TRAINED_ON,
            replayed=data.REPLAYED,
            fraction=data.FRACTION,
            batch_rows=data.BATCH_ROWS,
        )
    except AttributeError as error:
        raise NoExampleError(
            f"the model has no recorded data: {error}",
            where=f"models/{model}/data.py",
            fix="Write load, period_name, SOURCE, TRAINED_ON, REPLAYED, FRACTION and BATCH_ROWS.",
        ) from error
