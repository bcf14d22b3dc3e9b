"""The example models' data: what the loop can be shown on.

A model folder whose ``data.py`` has the names below can be demonstrated; nothing else of Evergreen
reads it.
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
    """The model has no data to be shown on, or none of the kind asked for."""


@dataclass(frozen=True, slots=True)
class Example:
    """A model and the recorded series it is shown on, cut into periods.

    Parameters
    ----------
    definition
        The model.
    load
        ``load(periods, fraction)`` returns the rows of some periods, oldest first: features,
        target and ``timestamp``.
    period_name
        What a period is called.
    source
        Where the data came from.
    trained_on, replayed
        Periods the first champion is trained on, and those replayed one after another.
    fraction
        Share of all rows; 1 for a series that has no smaller sample.
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


def find_example(model: str) -> Example:
    """Return an example by its model's name.

    Raises
    ------
    UnknownModelError
        If there is no such model.
    NoExampleError
        If the model has no data to be shown on.
    """
    definition = find_definition(MODELS, model)
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
    except (ModuleNotFoundError, AttributeError) as error:
        raise NoExampleError(
            f"no recorded series to be shown on: {error}",
            where=f"models/{model}/data.py",
            fix="Write load, period_name, SOURCE, TRAINED_ON, REPLAYED, FRACTION and BATCH_ROWS.",
        ) from error
