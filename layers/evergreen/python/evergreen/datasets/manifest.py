"""The manifest of a data set: where its rows came from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from evergreen.storage import Storage

DATA_FILE = "data.parquet"
MANIFEST_FILE = "manifest.json"
SURELY = 0.95
"""Probability with which older models must be worse before newer rows are said to pay."""
BEYOND_DOUBT = 0.99
"""Probability with which models of some age must be worse before younger ones are taken to be."""
PROBABLY = 0.8
"""Probability with which these younger ones must be worse then."""
OFTEN = 1 / 2
"""Least share of the origins at which they must be worse: one bad stretch is no pace."""
MOST_STANDARD_ERRORS = 4.0
"""What one piece of evidence counts at most, so that it cannot outvote any other."""


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


class AgeEffect(BaseModel):
    """What models of one age lost to fresh ones, over the rolling origins of a data set."""

    model_config = ConfigDict(frozen=True)

    rows: int
    """The age: how many of the newest rows a fresh model had learnt from, and the older one not."""
    origins: int
    """How many pairs of models were compared, each on the rows after its origin."""
    share_worse: float
    """Share of these origins at which the older model was worse."""
    loss: float
    """By how much the older models were worse on all these rows, in the unit of the metric."""
    error: float
    """Standard error of ``loss``, by the paired bootstrap."""
    probability_worse: float
    """Share of the bootstrap draws in which the older models were worse."""

    def is_worse(self, probability: float) -> bool:
        """Return whether the older models were worse with a probability, and at enough origins."""
        return self.probability_worse >= probability and self.share_worse >= OFTEN

    @property
    def standardized(self) -> float:
        """The loss in standard errors, between -4 and 4: more than that no comparison deserves."""
        if self.error == 0:
            return 0.0
        return min(max(self.loss / self.error, -MOST_STANDARD_ERRORS), MOST_STANDARD_ERRORS)


class Aging(BaseModel):
    """How fast a model of these rows ages, found on its training rows by rolling origins."""

    model_config = ConfigDict(frozen=True)

    effects: tuple[AgeEffect, ...]
    """One for each age that could be looked at, the youngest first."""
    newer_alone: AgeEffect | None = None
    """What models of the age ``pays_after`` lost to models that learnt from as many rows, but from
    newer ones too; None where newer rows do not pay, and in manifests from before it was measured.
    """

    @property
    def world_moves(self) -> bool:
        """Whether newer rows pay beyond doubt for being newer, and not for being more."""
        return self.newer_alone is not None and self.newer_alone.is_worse(BEYOND_DOUBT)

    @property
    def is_fast(self) -> bool:
        """Whether newer rows pay already at the youngest age: that of one check without them."""
        return bool(self.effects) and self.pays_after == self.effects[0].rows

    @property
    def pays_after(self) -> int | None:
        """After how many new rows a new model is surely better; None: after no age that was seen.

        The youngest age at which the older models were surely worse, and at half of the origins.
        Models age little by little: where an age is worse beyond doubt, the youngest one that is
        probably worse is taken. Chance hides the small loss of a young model first.
        """
        surely = [each for each in self.effects if each.is_worse(SURELY)]
        if any(each.is_worse(BEYOND_DOUBT) for each in surely):
            surely = [each for each in self.effects if each.probability_worse >= PROBABLY]
        return surely[0].rows if surely else None

    def at(self, rows: int) -> AgeEffect | None:
        """Return the effect of the age that is nearest to so many rows, on a logarithmic scale."""
        if not self.effects:
            return None
        return min(self.effects, key=lambda each: abs(math.log(each.rows / max(rows, 1))))


@dataclass(frozen=True, slots=True)
class RowStudy:
    """What earlier moments say about training rows.

    Parameters
    ----------
    aging
        How fast a model of them ages.
    window
        How many of the newest to train on; None where that was not asked.
    """

    aging: Aging
    window: TrainingWindow | None = None


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
    aging: Aging | None = None
    """How fast a model of the training rows ages; None if that was not looked at."""
    new_train_rows: int = 0
    """How many of the training rows the data set before did not have."""
    older_rows: int = 0
    """How many of the rows are from before the training window: they are kept for later data sets,
    and nothing learns from them here."""
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
    new_train_rows: int
    """Number of rows to train on that the data set before did not have."""


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
