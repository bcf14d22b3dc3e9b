"""The service of one model, connected to AWS at first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from evergreen.aws import ONCE, QUICK
from evergreen.capture import ground_truth, request_log
from evergreen.capture.batch_encoding import encode_batches_quickly
from evergreen.capture.delivery import Delivery
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import ModelDefinition, find_definition
from evergreen.serving.champion import ModelServer
from evergreen.serving.server import PredictionService
from evergreen.shadow.scorer import ShadowScorer
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
    server: ModelServer
    predictions: PredictionService
    label_log: Delivery


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
    storage = clients.storage(environment.bucket)
    # Delivery itself tries again, and time must remain to put into S3 what Firehose does not take.
    firehose = clients.aws_client("firehose", ONCE, QUICK.attempt_seconds)
    encode_batches_quickly(firehose)
    record = recorder().record
    server = ModelServer(definition, clients.production(environment.stage), storage, record)
    log_prefix = request_log.request_log_landing_prefix(definition.name)
    label_prefix = ground_truth.labels_landing_prefix(definition.name)
    return Service(
        definition=definition,
        server=server,
        predictions=PredictionService(
            Delivery(firehose, environment.request_stream, storage, log_prefix),
            ShadowScorer(definition, storage, record),
            record,
        ),
        label_log=Delivery(firehose, environment.label_stream, storage, label_prefix),
    )
