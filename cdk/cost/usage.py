"""The cost of predictions: what is billed by the request, the second, the byte and the metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk.capacity import WORKER
from cdk.constructs.serving.model_endpoint import ENDPOINT
from cdk.cost.standing import Cost
from evergreen.metrics.catalog import SPECS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cdk.capacity import Capacity
    from cdk.cost.standing import PriceList
    from cdk.settings import Settings
    from evergreen.model_definition import ModelDefinition

ANSWER_SECONDS = 0.02
"""Taken for the billed time of an answer. 0.001 s of it was measured in one process; the rest is
for the call to Firehose, which was not measured on AWS."""
ANSWER_LOG_BYTES = 3000
"""Bytes that an answer writes to CloudWatch Logs: 2,300 to 2,500 measured for the line of metrics,
and the lines of Lambda and API Gateway."""
ROW_BYTES = 900
"""Bytes of a row in the log: 861 measured with 25 features."""
TABLE_ROW_BYTES = 150
"""Bytes of a row in the table: 146 measured with 20 features (docs/request-log.md)."""
COMPACTION_SECONDS_A_ROW = 30e-6
"""Processor time of a compaction: 26 microseconds measured for a day of 6.5 million rows
(docs/request-log.md)."""
_FIREHOSE_STEP = 5 * 1024
"""Firehose bills a record as a multiple of 5 KB: aws.amazon.com/firehose/pricing."""
_GB = 1024**3
_MIB_A_GB = 1024
_STATUSES = 2
_ENDPOINTS = 2
_CLASSES = 2
_ORIGINS = 10


@dataclass(frozen=True, slots=True)
class Traffic:
    """The use of a deployment in a month, spread evenly over models and time."""

    predictions: float
    """Predicted rows."""
    rows_a_request: int = 1

    @property
    def requests(self) -> float:
        """Number of requests."""
        return self.predictions / self.rows_a_request


def usage_costs(
    traffic: Traffic,
    definitions: Iterable[ModelDefinition],
    settings: Settings,
    prices: PriceList,
) -> Iterator[Cost]:
    """Yield what a month of predictions costs beside :func:`cdk.cost.standing.standing_costs`.

    A request is taken to be the only one in its invocation, and each model to be used in each hour.
    Ground truth, data transfer, retraining and reads of the log are left out.
    """
    models = [*definitions]
    requests = traffic.requests
    record = _FIREHOSE_STEP * math.ceil(traffic.rows_a_request * ROW_BYTES / _FIREHOSE_STEP)
    kept = ROW_BYTES + TABLE_ROW_BYTES
    seconds = prices.hours * 3600
    flushes = sum(seconds / max(each.request_log.flush_seconds, 1) for each in models)
    metrics = metrics_a_model(settings)
    answer = f"requests x {ANSWER_SECONDS} s x {ENDPOINT.memory} MB"
    compaction = f"rows x {COMPACTION_SECONDS_A_ROW:.6f} s x {WORKER.memory} MB"
    lines = (
        ("Requests at the API", "api_request", requests, "requests"),
        ("Requests of functions", "invocation", requests, "requests"),
        ("Answers", "function", requests * ANSWER_SECONDS * _gb(ENDPOINT), answer),
        (
            "Request log: Firehose",
            "firehose_gb",
            requests * record / _GB,
            f"requests x {record // 1024} KB",
        ),
        ("Request log: objects", "s3_put", min(requests, flushes), "objects"),
        (
            "Request log: compaction",
            "function",
            traffic.predictions * COMPACTION_SECONDS_A_ROW * _gb(WORKER),
            compaction,
        ),
        (
            "Request log: storage of a month",
            "s3_gb",
            traffic.predictions * kept / _GB,
            f"rows x {kept} bytes",
        ),
        (
            "Logs",
            "logs_gb",
            requests * ANSWER_LOG_BYTES / _GB,
            f"requests x {ANSWER_LOG_BYTES} bytes",
        ),
        (
            "Metrics of answers",
            "metric",
            metrics * len(models),
            f"{len(models)} models x {metrics}",
        ),
    )
    for what, name, count, formula in lines:
        price = f"{prices.prices[name].dollars:.10f}".rstrip("0")
        yield Cost(what, count, f"{formula} x ${price}", prices.a_month(name, count))


def _gb(capacity: Capacity) -> float:
    return capacity.memory / _MIB_A_GB


def metrics_a_model(settings: Settings) -> int:
    """Return the number of metrics that CloudWatch bills for a model that is used all the time.

    Each value of a second dimension is a metric of its own. Taken are two statuses, two endpoints,
    two classes, and, with ``monitoring = "full"``, callers from ten networks.
    """
    values = {"status": _STATUSES, "endpoint": _ENDPOINTS, "output": _CLASSES}
    if settings.metrics_detail == "full":
        values["origin"] = _ORIGINS
    answers = [spec for spec in SPECS if spec.emitter == "predict"]
    return sum(1 + values.get(spec.by or "", 0) for spec in answers)
