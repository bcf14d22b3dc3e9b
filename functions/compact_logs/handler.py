"""Lambda: compact the partitions that are due, of all models or of one."""

from __future__ import annotations

import random
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from evergreen.aws import LONG
from evergreen.bundle.served import with_known_labels
from evergreen.bundle.store import read_signature
from evergreen.clock import utc_now
from evergreen.errors import BundleError, CompactionError
from evergreen.lake.compaction import CompactionReport, compact
from evergreen.lake.tables import LABELS
from evergreen.lake.unjoined import find_unjoined
from evergreen.metrics.catalog import Metric
from evergreen.model_definition import ModelDefinition, find_definition, load_definitions
from functions.compact_logs.settings import settings
from functions.compact_logs.upkeep import keep_up
from functions.shared import clients
from functions.shared.lake import lake, tables
from functions.shared.logs import create_logger
from functions.shared.metrics import Recorder

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


logger = create_logger()


class Request(BaseModel):
    """The request of a schedule or a person; every field is optional."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    include_open: bool = False


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001
    """Compact, keep the tables in order, and answer with what was done.

    ``partitions`` has one entry for each day that had new records, ``upkeep`` one for each model.

    Raises
    ------
    CompactionError
        If a part failed; all other parts are compacted first.
    """
    request = Request.model_validate(event)
    models = settings().models
    if request.model:
        definitions = [find_definition(models, request.model)]
    else:
        definitions = list(load_definitions(models).values())
        # If one model takes all of the function's time, others come first the next time.
        random.shuffle(definitions)
    storage = clients.storage(settings().bucket, LONG)
    reports: list[CompactionReport] = []
    upkeep: list[dict[str, Any]] = []
    for definition in definitions:
        report = compact(
            storage,
            tables(settings()),
            definition,
            include_open=request.include_open,
            keep_raw=timedelta(days=settings().raw_retention_days),
        )
        upkeep.append(keep_up(definition, report))
        unjoined = _unjoined(definition, report)
        _record(definition.name, report, unjoined)
        reports.append(report)
    done = [asdict(each) for report in reports for each in report.done]
    failures = [each for report in reports for each in report.failures]
    logger.info("compacted", extra={"partitions": done, "upkeep": upkeep})
    if failures:
        logger.error("not compacted", extra={"failures": [asdict(each) for each in failures]})
        first = failures[0]
        raise CompactionError(
            f"{len(failures)} failed and all else was compacted; the first one: {first.reason}",
            where=first.place,
            fix="The log names all of them. Nothing is lost: raw objects stay until a table holds "
            "their records. Put it right and run the compaction again.",
        )
    return {"partitions": done, "upkeep": upkeep}


def _unjoined(definition: ModelDefinition, report: CompactionReport) -> int | None:
    """Count the labels of the compacted days that nothing uses."""
    days = [date.fromisoformat(each.day) for each in report.done if each.table == LABELS.name]
    if not days:
        return None
    count = 0
    for day in days:
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        try:
            known = _with_known_labels(definition)
            found = find_unjoined(lake(settings()), known, start, start + timedelta(days=1))
        except Exception as error:  # noqa: BLE001 - whatever it is, the other models go on
            report.fail(LABELS, definition.name, LABELS.raw_prefix(definition.name, day), error)
        else:
            count += found.unjoined + found.unusable
    return count


def _with_known_labels(definition: ModelDefinition) -> ModelDefinition:
    pointer = clients.production(settings().stage, LONG).read_last_valid(definition.name)
    if pointer is None:
        return definition
    storage = clients.storage(settings().bucket, LONG)
    try:
        return with_known_labels(definition, read_signature(storage, pointer))
    except BundleError as error:
        # Inference and the drift check tell of it. Labels are counted all the same.
        logger.warning("no signature to hold labels against", extra={"reason": str(error)})
        return definition


def _record(model: str, report: CompactionReport, unjoined: int | None) -> None:
    oldest = report.oldest_waiting
    age = 0.0 if oldest is None else (utc_now() - oldest).total_seconds()
    recorder = Recorder(model)
    recorder.record(Metric.OLDEST_RAW, max(age, 0.0))
    if report.done or report.failures:  # CloudWatch bills a metric for each hour with a value
        recorder.record(Metric.COMPACTION_FAILURES, len(report.failures))
        recorder.record(Metric.REJECTED_RECORDS, sum(each.rejected for each in report.done))
    if unjoined is not None:
        recorder.record(Metric.UNJOINED_LABELS, unjoined)
    recorder.flush()
