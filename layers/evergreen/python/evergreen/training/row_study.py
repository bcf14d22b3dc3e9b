"""What earlier moments say about training rows: how far back to look, how fast models age."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.datasets.manifest import RowStudy, read_manifest
from evergreen.datasets.schema import TIMESTAMP
from evergreen.datasets.splitting import TRAIN
from evergreen.datasets.store import load_dataset, record_study
from evergreen.training.aging import measure_aging
from evergreen.training.rolling_origins import RollingOrigins
from evergreen.training.window import choose_window

if TYPE_CHECKING:
    import pyarrow as pa

    from evergreen.datasets.manifest import Aging, DatasetManifest
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage
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


def study_uploaded(
    storage: Storage, definition: ModelDefinition, trainer: Trainer, dataset_id: str
) -> DatasetManifest:
    """Measure how fast a model of an uploaded data set ages, and write it into the manifest.

    What is known already is not measured again.

    Parameters
    ----------
    storage
        The data bucket.
    definition, trainer
        The model, and what fits it.
    dataset_id
        The data set, whose rows a person has chosen.

    Raises
    ------
    EvergreenError
        If there is no such data set.
    """
    manifest = read_manifest(storage, definition.name, dataset_id)
    if manifest.aging is not None:
        return manifest
    rows = load_dataset(storage, definition.name, dataset_id, split=TRAIN)
    return record_study(storage, manifest, RowStudy(study_aging(definition, trainer, rows)))
