"""Lambda: check one window of one model for drift.

Event: ``{"model": …, "window": "24 hours"}``, optionally ``"end"`` (RFC 3339; now by default) and
``"report": true`` for the page even where nothing moved.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from evergreen.clock import utc_now
from evergreen.drift.check import CheckResult, check
from evergreen.events import Events, EventType
from evergreen.lake import Lake
from evergreen.metrics import MODEL_DIMENSION, NAMESPACE, Metric
from evergreen.model_definition import ModelDefinition, Period, find_definition
from evergreen.production import Production
from evergreen.storage import Storage
from pydantic import AwareDatetime, BaseModel, ConfigDict

from functions.check_drift.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = Logger()


class CheckRequest(BaseModel):
    """What to check."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    window: Period
    end: AwareDatetime | None = None
    report: bool = False


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Check, publish metrics and events, and answer with the decision."""
    request = CheckRequest.model_validate(event)
    definition = _definition(request.model)
    pointer = _production().read(definition.name)
    if pointer is None:
        logger.info("nothing to check yet", model=definition.name)
        return {"model": definition.name, "verdict": "no_production_model"}
    end = request.end or utc_now()
    result = check(
        definition,
        pointer,
        Lake(_storage()),
        _storage(),
        start=end - request.window,
        end=end,
        clock=utc_now,
        report=request.report,
    )
    _publish_metrics(result)
    answer = _summary(result)
    logger.info(result.decision.reason, **answer)
    for kind, detail in events_of(result):
        _events().put(kind, definition.name, detail)
    return answer


def _definition(model: str) -> ModelDefinition:
    definition = find_definition(settings().models, model)
    if (cooldown := settings().cooldown) is None:
        return definition
    retraining = definition.retraining.model_copy(update={"cooldown": cooldown})
    return definition.model_copy(update={"retraining": retraining})


def events_of(result: CheckResult) -> Iterator[tuple[EventType, dict[str, Any]]]:
    """Yield the events a check gives rise to; at most one of them starts a retraining."""
    decision, summary = result.decision, _summary(result)
    yield EventType.DRIFT_CHECK_COMPLETED, summary
    if decision.verdict == "insufficient_data":
        return
    if "data_drift" in decision.triggers:
        yield EventType.DATA_DRIFT_DETECTED, summary
    if "performance" in decision.triggers:
        starts = decision.start_retraining and "data_drift" not in decision.triggers
        yield EventType.PERFORMANCE_DEGRADED, summary | {"start_retraining": starts}


def _summary(result: CheckResult) -> dict[str, Any]:
    return {
        "model": result.context.model,
        "check_id": result.context.check_id,
        "model_version": result.context.model_version,
        "rows": result.context.rows,
        "verdict": result.decision.verdict,
        "start_retraining": result.decision.start_retraining,
        "reason": result.decision.reason,
        "drifted_features": list(result.decision.drifted_features),
        "log": result.log_key,
        "report": result.report_key,
    }


def _publish_metrics(result: CheckResult) -> None:
    metrics = Metrics(namespace=NAMESPACE, service="")
    metrics.add_dimension(name=MODEL_DIMENSION, value=result.context.model)
    drifted = len(result.univariate.drifted_features)
    metrics.add_metric(name=Metric.WINDOW_ROWS, unit=MetricUnit.Count, value=result.context.rows)
    metrics.add_metric(name=Metric.DRIFTED_FEATURES, unit=MetricUnit.Count, value=drifted)
    if result.features_tested:
        share = 100 * drifted / result.features_tested
        metrics.add_metric(name=Metric.DRIFTED_SHARE, unit=MetricUnit.Percent, value=share)
    if result.multivariate.model_accuracy is not None:
        metrics.add_metric(
            name=Metric.MULTIVARIATE_ACCURACY,
            unit=MetricUnit.NoUnit,
            value=result.multivariate.model_accuracy,
        )
    metrics.flush_metrics()


@cache
def _storage() -> Storage:
    return Storage(settings().bucket, boto3.client("s3"))


@cache
def _production() -> Production:
    return Production(settings().stage, boto3.client("ssm"))


@cache
def _events() -> Events:
    return Events(settings().event_bus, boto3.client("events"))
