"""The manifest of a data set: where its rows came from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from evergreen.storage import Storage

DATA_FILE = "data.parquet"
MANIFEST_FILE = "manifest.json"


class LabelDelay(BaseModel):
    """Seconds from a prediction to the moment its label was observed, over some rows."""

    model_config = ConfigDict(frozen=True)

    median: float
    p95: float
    max: float


class TrainingWindow(BaseModel):
    """How far back training looks."""

    model_config = ConfigDict(frozen=True)

    rows: int
    """The number of newest rows that are trained on."""
    of: int
    """The number of rows that there were."""
    reason: str


class DatasetManifest(BaseModel):
    """The manifest of a data set: where its rows came from."""

    model_config = ConfigDict(frozen=True)

    dataset_id: str
    """``ds-`` and 16 hexadecimal digits of a SHA-256 over the rows and ``data_until``."""
    model: str
    rows: int
    train_rows: int
    holdout_rows: int
    sources: tuple[str, ...]
    first_timestamp: datetime
    last_timestamp: datetime
    data_until: datetime
    """Ground truth that arrived at this time or later is in neither this data set nor the data sets
    it was built from."""
    log_from: datetime
    """From this time on, rows come from the log and carry their key. Earlier rows are in the first
    data set, which somebody put together by hand, or in none."""
    class_balance: dict[str, float] | None
    """Share of the rows in each class, for classification."""
    label_delay: LabelDelay | None = None
    """How long the ground truth of the new rows took; None if no row came from the log."""
    corrected_labels: int = 0
    """Number of rows of earlier data sets whose ground truth has changed. They have the newer
    value."""
    window: TrainingWindow | None = None
    """The choice of the rows to train on, where several windows were compared."""
    sha256: str
    """SHA-256 of the file of rows."""
    created_at: datetime
    file: str = DATA_FILE
    """Name of the file of rows."""
    erased_rows: int = 0
    """Number of rows that were erased since, for a data subject's request."""


@dataclass(frozen=True, slots=True)
class FromLog:
    """What a manifest says about rows of the request log."""

    since: datetime
    """Time from which the rows of the log carry their key."""
    label_delay: LabelDelay
    corrected_labels: int
    """Number of rows whose target differs from that in the data set they were taken from."""


def folder_key(model: str, dataset_id: str) -> str:
    """Return the prefix below which the data set's two objects live, with the slash."""
    return f"datasets/{model}/{dataset_id}/"


def read_manifest(storage: Storage, model: str, dataset_id: str) -> DatasetManifest:
    """Read a data set's manifest.

    Raises
    ------
    EvergreenError
        If there is no such data set.
    """
    key = folder_key(model, dataset_id) + MANIFEST_FILE
    body = storage.get(key)
    if body is None:
        raise EvergreenError("data set not found", where=storage.uri(key))
    return DatasetManifest.model_validate_json(body)
