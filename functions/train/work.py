"""Training of a challenger, for the function and for the container of a training job."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.clock import utc_now
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.store import load_dataset
from evergreen.model_definition import find_definition
from evergreen.training.train import TrainedRun, find_trained, train
from functions.shared import clients
from functions.shared.tracking import open_registry
from functions.shared.tracking_settings import settings


class TrainingRequest(BaseModel):
    """The request: the model to train, and the data set."""

    model_config = ConfigDict(frozen=True)

    model: str
    dataset_id: str


def train_once(request: TrainingRequest) -> TrainedRun:
    """Train a challenger, unless a finished run of the same code and rows exists."""
    environment = settings()
    definition = find_definition(environment.models, request.model)
    folder = environment.models / definition.name
    storage = clients.storage(environment.bucket, LONG)
    registry = open_registry(environment)
    known = find_trained(definition, folder, request.dataset_id, registry=registry)
    if known:
        return known
    return train(
        definition,
        folder,
        read_manifest(storage, definition.name, request.dataset_id),
        load_dataset(storage, definition.name, request.dataset_id),
        registry=registry,
        clock=utc_now,
        trusted=environment.trusted_types,
    )
