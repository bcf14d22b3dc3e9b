"""Lambda: turn embedded-metric-format lines of a log subscription into PutMetricData.

CloudWatch on AWS extracts these metrics itself, but LocalStack's does not. So only a deployment to
LocalStack subscribes this function to the log groups. The format:
docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import base64
import gzip
import json
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from functions.shared import clients
from functions.shared.logs import create_logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_lambda_powertools.utilities.typing import LambdaContext
    from mypy_boto3_cloudwatch.type_defs import MetricDatumTypeDef

MAX_DATA = 1000
"""Metric data per PutMetricData call."""
MAX_VALUES = 150
"""Values per metric datum, both from the API reference of PutMetricData."""

logger = create_logger()


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:  # noqa: ARG001
    """Put the metrics of one batch of log lines, and answer with their number."""
    batch = json.loads(gzip.decompress(base64.b64decode(event["awslogs"]["data"])))
    by_namespace: dict[str, list[MetricDatumTypeDef]] = defaultdict(list)
    for line in batch.get("logEvents", []):
        for namespace, datum in metric_data(line["message"]):
            by_namespace[namespace].append(datum)
    cloudwatch = clients.aws_client("cloudwatch")
    for namespace, data in by_namespace.items():
        for first in range(0, len(data), MAX_DATA):
            cloudwatch.put_metric_data(
                Namespace=namespace, MetricData=data[first : first + MAX_DATA]
            )
    return {"metric_data": sum(map(len, by_namespace.values()))}


def metric_data(message: str) -> Iterator[tuple[str, MetricDatumTypeDef]]:
    """Yield (namespace, datum) for each metric and dimension set of one log line.

    A line that is not in the embedded metric format yields nothing.
    """
    if '"_aws"' not in message:
        return
    try:
        body = json.loads(message)
        directives = body["_aws"]["CloudWatchMetrics"]
        moment = datetime.fromtimestamp(body["_aws"]["Timestamp"] / 1000, UTC)
    except (ValueError, KeyError, TypeError):
        return
    for directive in directives:
        for names in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                value = body[metric["Name"]]
                values = value if isinstance(value, list) else [value]
                for first in range(0, len(values), MAX_VALUES):
                    yield (
                        directive["Namespace"],
                        {
                            "MetricName": metric["Name"],
                            "Dimensions": [
                                {"Name": name, "Value": str(body[name])} for name in names
                            ],
                            "Timestamp": moment,
                            "Unit": metric.get("Unit", "None"),
                            "Values": values[first : first + MAX_VALUES],
                        },
                    )
