"""The table of Evergreen's metrics: names, units, dimensions and meanings.

Emission, dashboards, alarms, the Prometheus exporter and the reference page all come from this
table. So none of them can miss a metric, or name one that nobody emits.

Every metric has the dimension ``model``. A metric with a second dimension (``by``) is emitted
twice: under ``[model]`` as the total, and under ``[model, <by>]`` by its values.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

NAMESPACE = "Evergreen"
MODEL_DIMENSION = "model"
NO_MODEL = "-"
"""The model of requests that name no model: health, documentation, the list of models."""

Unit = Literal["Count", "Milliseconds", "Seconds", "Percent", "Megabytes", "Bytes", "None"]
Kind = Literal["counter", "gauge", "distribution"]
Board = Literal["service", "api", "data", "model"]
Emitter = Literal[
    "predict",
    "compact_logs",
    "check_drift",
    "register_challenger",
    "promote",
    "clean_up",
    "roll_back",
    "gateway",
]
"""The function that emits a metric; ``gateway`` is API Gateway, whose access log is counted."""


class Metric(StrEnum):
    """Names in CloudWatch, namespace ``Evergreen``, dimension ``model``."""

    HEALTHY = "Healthy"
    UPTIME = "Uptime"
    COLD_STARTS = "ColdStarts"
    CPU = "CpuUtilization"
    MEMORY_USED = "MemoryUsed"
    MEMORY = "MemoryUtilization"
    DISK_READ = "DiskRead"
    DISK_WRITTEN = "DiskWritten"

    REQUESTS = "Requests"
    RESPONSE_TIME = "ResponseTime"
    RESPONSES = "Responses"
    CLIENT_ERRORS = "ClientErrors"
    SERVER_ERRORS = "ServerErrors"
    ORIGINS = "RequestOrigins"
    LOG_SPILLS = "LogSpills"
    GATEWAY_REFUSALS = "GatewayRefusals"

    PREDICTIONS = "Predictions"
    BATCH_SIZE = "BatchSize"
    MISSING_VALUES = "MissingValues"
    INVALID_VALUES = "InvalidValues"
    OUT_OF_RANGE = "OutOfRange"
    UNSEEN_CATEGORIES = "UnseenCategories"
    REJECTED_RECORDS = "RejectedRecords"
    COMPACTION_FAILURES = "CompactionFailures"
    OLDEST_RAW = "OldestRawObject"
    UNJOINED_LABELS = "UnjoinedLabels"
    WINDOW_ROWS = "WindowRows"
    DRIFTED_FEATURES = "DriftedFeatures"
    DRIFTED_SHARE = "DriftedShare"
    MULTIVARIATE_ACCURACY = "MultivariateAccuracy"
    EFFECT_SIZE = "EffectSize"
    OPEN_EPISODES = "OpenEpisodes"

    PRODUCTION_VERSION = "ProductionVersion"
    MODEL_LOAD_TIME = "ModelLoadTime"
    MODEL_LOAD_FAILURES = "ModelLoadFailures"
    POINTER_FAILURES = "PointerFailures"
    INFERENCE_TIME = "InferenceTime"
    OUTPUTS = "Outputs"
    CONFIDENCE = "Confidence"
    LIVE_METRIC = "LiveMetric"
    PROMOTION_METRIC = "PromotionMetric"
    LIVE_METRIC_WORSE = "LiveMetricWorse"
    ESTIMATED_METRIC = "EstimatedMetric"
    SHADOW_PREDICTIONS = "ShadowPredictions"
    SHADOW_ERRORS = "ShadowErrors"
    DRIFT_RETRAININGS = "DriftRetrainings"
    RETRAININGS = "Retrainings"
    PROMOTIONS = "Promotions"
    REJECTIONS = "Rejections"
    ROLLBACKS = "Rollbacks"


@dataclass(frozen=True, slots=True)
class MetricSpec:
    """One metric of the table.

    Parameters
    ----------
    metric
        Its name.
    unit
        Its CloudWatch unit.
    kind
        A counter is summed, a gauge is averaged, and a distribution is also read as percentiles.
    board
        The dashboard that shows it.
    says
        What it measures, as half a sentence for people.
    by
        A second dimension beside ``model``; see :data:`DIMENSIONS`.
    emitter
        The function that emits it.
    """

    metric: Metric
    unit: Unit
    kind: Kind
    board: Board
    says: str
    by: str | None = None
    emitter: Emitter = "predict"


class RecordMetric(Protocol):
    """Records one value of a metric; ``by`` is the value of its second dimension, if it has one."""

    def __call__(self, metric: Metric, value: float, by: str | None = None) -> None:
        """Add one value."""


DIMENSIONS = {
    "endpoint": "the template of the route, such as `/models/{model}/predict`, or `other`",
    "status": "the HTTP status code",
    "origin": "the network of the caller's address: IPv4 /8, IPv6 /16, or `unknown`",
    "feature": "the name of the feature; at most 50, those with the largest effects",
    "output": "the class (at most 20, and `other`), or one of at most 10 ranges of a number",
}
"""The second dimensions, and the limit of their values: AWS charges for each value as a metric."""

_M = Metric
SPECS: tuple[MetricSpec, ...] = (
    MetricSpec(
        _M.HEALTHY,
        "Count",
        "gauge",
        "service",
        "1 if a model was loaded and could answer, otherwise 0",
    ),
    MetricSpec(_M.UPTIME, "Seconds", "gauge", "service", "age of the execution environment"),
    MetricSpec(_M.COLD_STARTS, "Count", "counter", "service", "new execution environments"),
    MetricSpec(
        _M.CPU, "Percent", "gauge", "service", "CPU time as a share of the time of an invocation"
    ),
    MetricSpec(_M.MEMORY_USED, "Megabytes", "gauge", "service", "resident memory"),
    MetricSpec(
        _M.MEMORY, "Percent", "gauge", "service", "resident memory as a share of the memory size"
    ),
    MetricSpec(_M.DISK_READ, "Bytes", "counter", "service", "bytes read from disk"),
    MetricSpec(_M.DISK_WRITTEN, "Bytes", "counter", "service", "bytes written to disk"),
    MetricSpec(_M.REQUESTS, "Count", "counter", "api", "requests, by endpoint", by="endpoint"),
    MetricSpec(
        _M.RESPONSE_TIME, "Milliseconds", "distribution", "api", "time to answer", by="endpoint"
    ),
    MetricSpec(_M.RESPONSES, "Count", "counter", "api", "answers, by status code", by="status"),
    MetricSpec(_M.CLIENT_ERRORS, "Count", "counter", "api", "answers with a 4xx status"),
    MetricSpec(_M.SERVER_ERRORS, "Count", "counter", "api", "answers with a 5xx status"),
    MetricSpec(
        _M.ORIGINS,
        "Count",
        "counter",
        "api",
        "requests, by origin network; on LocalStack always 127.0.0.0/8",
        by="origin",
    ),
    MetricSpec(_M.LOG_SPILLS, "Count", "counter", "api", "log records that Firehose refused"),
    MetricSpec(
        _M.GATEWAY_REFUSALS,
        "Count",
        "counter",
        "api",
        "calls that API Gateway refused before any function, by status code",
        by="status",
        emitter="gateway",
    ),
    MetricSpec(_M.PREDICTIONS, "Count", "counter", "data", "predicted rows"),
    MetricSpec(_M.BATCH_SIZE, "Count", "distribution", "data", "rows per request"),
    MetricSpec(_M.MISSING_VALUES, "Count", "counter", "data", "missing values in requests"),
    MetricSpec(_M.INVALID_VALUES, "Count", "counter", "data", "refused values in requests"),
    MetricSpec(_M.OUT_OF_RANGE, "Count", "counter", "data", "values outside min and max"),
    MetricSpec(
        _M.UNSEEN_CATEGORIES, "Count", "counter", "data", "categories that training did not have"
    ),
    MetricSpec(
        _M.REJECTED_RECORDS,
        "Count",
        "counter",
        "data",
        "lines of the log that compaction set aside",
        emitter="compact_logs",
    ),
    MetricSpec(
        _M.COMPACTION_FAILURES,
        "Count",
        "counter",
        "data",
        "objects and days that could not be compacted",
        emitter="compact_logs",
    ),
    MetricSpec(
        _M.OLDEST_RAW,
        "Seconds",
        "gauge",
        "data",
        "age of the oldest raw object that is not compacted yet",
        emitter="compact_logs",
    ),
    MetricSpec(
        _M.UNJOINED_LABELS,
        "Count",
        "gauge",
        "data",
        "labels of a compacted day that nothing uses: of no logged prediction, or not plausible",
        emitter="compact_logs",
    ),
    MetricSpec(
        _M.WINDOW_ROWS,
        "Count",
        "gauge",
        "data",
        "rows in the window of a drift check",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.DRIFTED_FEATURES,
        "Count",
        "gauge",
        "data",
        "features that drifted",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.DRIFTED_SHARE,
        "Percent",
        "gauge",
        "data",
        "share of features that drifted",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.MULTIVARIATE_ACCURACY,
        "None",
        "gauge",
        "data",
        "accuracy of the classifier that tells the window from the reference",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.EFFECT_SIZE,
        "None",
        "gauge",
        "data",
        "size of the drift of a feature, as an effect",
        by="feature",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.OPEN_EPISODES,
        "Count",
        "gauge",
        "data",
        "open episodes of drift or degraded performance",
        emitter="check_drift",
    ),
    MetricSpec(_M.PRODUCTION_VERSION, "None", "gauge", "model", "version in production"),
    MetricSpec(
        _M.MODEL_LOAD_TIME, "Milliseconds", "distribution", "model", "time to load a bundle"
    ),
    MetricSpec(_M.MODEL_LOAD_FAILURES, "Count", "counter", "model", "bundles that did not load"),
    MetricSpec(
        _M.POINTER_FAILURES, "Count", "counter", "model", "reads of the pointer that failed"
    ),
    MetricSpec(_M.INFERENCE_TIME, "Milliseconds", "distribution", "model", "time to predict"),
    MetricSpec(_M.OUTPUTS, "Count", "counter", "model", "outputs, by class or range", by="output"),
    MetricSpec(_M.CONFIDENCE, "None", "distribution", "model", "mean confidence of a request"),
    MetricSpec(
        _M.LIVE_METRIC,
        "None",
        "gauge",
        "model",
        "F1 or RMSE on the labelled rows of a drift check's window",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.PROMOTION_METRIC,
        "None",
        "gauge",
        "model",
        "the same metric on the holdout at promotion",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.ESTIMATED_METRIC,
        "None",
        "gauge",
        "model",
        "the same metric on a window's rows, estimated without ground truth",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.LIVE_METRIC_WORSE,
        "None",
        "gauge",
        "model",
        "1 if the live metric is surely worse than at promotion, otherwise 0",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.SHADOW_PREDICTIONS, "Count", "counter", "model", "rows that the shadow scored too"
    ),
    MetricSpec(
        _M.SHADOW_ERRORS,
        "Count",
        "counter",
        "model",
        "rows that the shadow did not score, or not in time",
    ),
    MetricSpec(
        _M.DRIFT_RETRAININGS,
        "Count",
        "counter",
        "model",
        "retrainings that drift started",
        emitter="check_drift",
    ),
    MetricSpec(
        _M.RETRAININGS,
        "Count",
        "counter",
        "model",
        "challengers trained",
        emitter="register_challenger",
    ),
    MetricSpec(
        _M.PROMOTIONS, "Count", "counter", "model", "challengers promoted", emitter="promote"
    ),
    MetricSpec(
        _M.REJECTIONS, "Count", "counter", "model", "challengers rejected", emitter="clean_up"
    ),
    MetricSpec(
        _M.ROLLBACKS,
        "Count",
        "counter",
        "model",
        "rollbacks to an older version",
        emitter="roll_back",
    ),
)
"""Every metric, in the order of the dashboards."""

BY_METRIC = {spec.metric: spec for spec in SPECS}
