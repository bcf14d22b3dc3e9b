"""The service of one model, connected to AWS at first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from evergreen.aws import ONCE, QUICK
from evergreen.capture.batch_encoding import encode_batches_quickly
from evergreen.capture.delivery import Delivery, LineDelivery
from evergreen.capture.ground_truth import labels_landing_prefix
from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import ModelDefinition, find_definition
from evergreen.production import Pointers
from evergreen.serving.champion import ModelServer
from evergreen.serving.server import PredictionService
from evergreen.shadow.scorer import ShadowScorer
from evergreen.storage import Objects
from functions.predict.settings import Settings, settings
from functions.shared import clients
from functions.shared.metrics import Recorder

_COUNTERS = (
    *(Metric.LOG_SPILLS, Metric.INVALID_VALUES),
    *(Metric.MODEL_LOAD_FAILURES, Metric.POINTER_FAILURES),
    *(Metric.SHADOW_PREDICTIONS, Metric.SHADOW_ERRORS),
)


@dataclass(frozen=True, slots=True)
class Service:
    """The objects that the routes need."""

    definition: ModelDefinition
    pointers: Pointers
    server: ModelServer
    predictions: PredictionService
    label_log: LineDelivery


@dataclass(frozen=True, slots=True)
class Places:
    """Where the bundle comes from, and where the request log and the labels go."""

    pointers: Pointers
    objects: Objects
    request_log: LineDelivery
    label_log: LineDelivery


@cache
def recorder() -> Recorder:
    """Return the metric recorder of this function's model."""
    return Recorder(settings().model, _COUNTERS)


@cache
def service() -> Service:
    """Return the service; the first call creates it."""
    return build_service(settings())


def build_service(environment: Settings) -> Service:
    """Return a new service with the settings of the environment.

    Raises
    ------
    UnknownModelError
        If the function's code has no model of that name.
    """
    definition = find_definition(environment.models, environment.model)
    where, record = _places(environment), recorder().record
    trusted = environment.trusted_types
    return Service(
        definition=definition,
        pointers=where.pointers,
        server=ModelServer(definition, where.pointers, where.objects, record, trusted=trusted),
        predictions=PredictionService(
            where.request_log,
            ShadowScorer(definition, where.objects, record, trusted=trusted),
            record,
        ),
        label_log=where.label_log,
    )


def _places(environment: Settings) -> Places:
    if environment.bundle is not None and environment.log_folder is not None:
        return _places_in_folders(environment.bundle, environment.log_folder, environment.model)
    return _places_in_aws(environment)


def _places_in_aws(environment: Settings) -> Places:
    storage = clients.storage(environment.bucket)
    # Delivery itself tries again, and time must remain to put into S3 what Firehose does not take.
    firehose = clients.aws_client("firehose", ONCE, QUICK.attempt_seconds)
    encode_batches_quickly(firehose)
    model = environment.model
    return Places(
        pointers=clients.production(environment.stage),
        objects=storage,
        request_log=Delivery(
            firehose, environment.request_stream, storage, request_log_landing_prefix(model)
        ),
        label_log=Delivery(
            firehose, environment.label_stream, storage, labels_landing_prefix(model)
        ),
    )


def _places_in_folders(bundle: Path, log: Path, model: str) -> Places:
    # Not imported in Lambda, which has no use for it at a cold start.
    from evergreen.serving.from_folder import BundleFolder, FileDelivery  # noqa: PLC0415

    folder = BundleFolder(bundle)
    return Places(
        pointers=folder,
        objects=folder,
        request_log=FileDelivery(log, request_log_landing_prefix(model)),
        label_log=FileDelivery(log, labels_landing_prefix(model)),
    )
