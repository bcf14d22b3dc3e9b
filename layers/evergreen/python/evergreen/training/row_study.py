"""What earlier moments say about training rows: how far back to look, how fast models age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.datasets.manifest import RowStudy
from evergreen.datasets.schema import TIMESTAMP
from evergreen.training.aging import measure_aging
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.window import choose_window

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.datasets.manifest import Aging
    from evergreen.model_definition import ModelDefinition
    from evergreen.training.trainer import Trainer


def study_rows(definition: ModelDefinition, trainer: Trainer, rows: pa.Table) -> RowStudy:
    """Choose the training window, and measure how fast a model ages, from the same models.

    Parameters
    ----------
    definition
        The model.
    trainer
        Fits it: at most once for each of 8 origins, and three times at each of the newest three.
    rows
        n rows to train on, with their ``timestamp`` and target, oldest first.
    """
    origins = RollingOrigins(definition, trainer, rows)
    return RowStudy(window=choose_window(origins, rows), aging=measure_aging(origins))


def study_aging(definition: ModelDefinition, trainer: Trainer, rows: pa.Table) -> Aging:
    """Measure how fast a model ages whose rows somebody has chosen: those of a first champion.

    Parameters
    ----------
    definition
        The model.
    trainer
        Fits it: at most once for each of 8 origins.
    rows
        n rows to train on, with their ``timestamp`` and target, in any order.
    """
    return measure_aging(RollingOrigins(definition, trainer, rows.sort_by(TIMESTAMP)))
