"""The one model that this function serves, wired to AWS at first use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import boto3
from aws_lambda_powertools import Metrics
from aws_lambda_powertools.metrics import MetricUnit
from evergreen import labels, request_log
from evergreen.delivery import Delivery
from evergreen.metrics import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.model_definition import ModelDefinition, find_definition
from evergreen.production import Production
from evergreen.requests import RequestReader
from evergreen.serving import ModelServer, PredictionService
from evergreen.storage import Storage

from functions.predict.settings import Settings, settings

# An empty name keeps Powertools from adding a dimension `service` to every metric.
metrics = Metrics(namespace=NAMESPACE, service="")

_MILLISECONDS = {Metric.INFERENCE_TIME, Metric.MODEL_LOAD_TIME}


@dataclass(frozen=True, slots=True)
class Service:
    """Everything the routes need."""

    definition: ModelDefinition
    reader: RequestReader
    server: ModelServer
    predictions: PredictionService
    label_log: Delivery


def record(metric: Metric, value: float) -> None:
    """Add one value to the metrics of this invocation."""
    if metric in _MILLISECONDS:
        unit = MetricUnit.Milliseconds
    else:
        unit = MetricUnit.NoUnit if metric is Metric.CONFIDENCE else MetricUnit.Count
    metrics.add_metric(name=metric, unit=unit, value=value)


@cache
def service() -> Service:
    """Return the service, made on the first call."""
    return build_service(settings())


def build_service(told: Settings) -> Service:
    """Wire the service as the environment says.

    Raises
    ------
    UnknownModelError
        If no model of that name was packed with the function.
    """
    definition = find_definition(told.models, told.model)
    metrics.set_default_dimensions(**{MODEL_DIMENSION: definition.name})
    storage = Storage(told.bucket, boto3.client("s3"))
    firehose = boto3.client("firehose")
    server = ModelServer(definition, Production(told.stage, boto3.client("ssm")), storage, record)
    log_prefix = request_log.landing_prefix(definition.name)
    label_prefix = labels.landing_prefix(definition.name)
    return Service(
        definition=definition,
        reader=RequestReader(definition),
        server=server,
        predictions=PredictionService(
            definition,
            server,
            Delivery(firehose, told.request_stream, storage, log_prefix),
            record,
        ),
        label_log=Delivery(firehose, told.label_stream, storage, label_prefix),
    )
