"""What earlier moments say about training rows: how far back to look, how fast models age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.datasets.manifest import RowStudy
from evergreen.training.aging import measure_aging
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.window import choose_window

if TYPE_CHECKING:
    import pyarrow as pa

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
    return RowStudy(choose_window(origins, rows), measure_aging(origins))
