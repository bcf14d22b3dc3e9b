"""The training itself, for the function and for the container of a training job alike."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.clock import utc_now
from evergreen.datasets.store import read_dataset, read_manifest
from evergreen.model_definition import find_definition
from evergreen.registry.writer import Registry
from evergreen.training.train import TrainedRun, find_trained, train
from functions.shared import clients
from functions.shared.tracking import tracking_client
from functions.shared.tracking_settings import settings


class TrainingRequest(BaseModel):
    """What to train, on which data set."""

    model_config = ConfigDict(frozen=True)

    model: str
    dataset_id: str


def train_once(request: TrainingRequest) -> TrainedRun:
    """Train as asked, unless the same code has been trained on the same rows already."""
    environment = settings()
    definition = find_definition(environment.models, request.model)
    folder = environment.models / definition.name
    storage = clients.storage(environment.bucket, LONG)
    registry = Registry(tracking_client(environment.tracking_uri, environment.tracking_secret))
    known = find_trained(definition, folder, request.dataset_id, registry=registry)
    if known:
        return known
    return train(
        definition,
        folder,
        read_manifest(storage, definition.name, request.dataset_id),
        read_dataset(storage, definition.name, request.dataset_id),
        registry=registry,
        clock=utc_now,
    )
