"""API Gateway: what it refuses itself is counted in CloudWatch.

On AWS the access log of the API says it, and metric filters count it. LocalStack writes no access
log. So the metric is put here, with the same name and dimensions.
"""

from __future__ import annotations

import inspect
import logging
import threading
from typing import TYPE_CHECKING, Any

from evergreen_strict_localstack.stock import UnexpectedCodeError

if TYPE_CHECKING:
    from collections.abc import Callable

SETTING = "EVERGREEN_STRICT_GATEWAY"
NAMESPACE, METRIC = "Evergreen", "GatewayRefusals"
_MODEL = {"Name": "model", "Value": "-"}

_LOG = logging.getLogger(__name__)


def patch(handler: type[Any], cloudwatch: Callable[[str, str], Any]) -> None:
    """Change LocalStack's ``GatewayExceptionHandler``.

    Parameters
    ----------
    handler
        The class.
    cloudwatch
        Returns the client of an account and a region.

    Raises
    ------
    UnexpectedCodeError
        If its code is not the expected one.
    """
    stock = handler.create_exception_response
    if [*inspect.signature(stock).parameters] != ["self", "exception", "context"]:
        raise UnexpectedCodeError("GatewayExceptionHandler answers in another way")

    def create_exception_response(self: object, exception: Exception, context: Any) -> Any:
        response = stock(self, exception, context)
        place = (context.account_id, context.region)
        arguments = (cloudwatch, place, str(response.status_code))
        # The answer does not wait for it.
        threading.Thread(target=_count, args=arguments, daemon=True).start()
        return response

    handler.create_exception_response = create_exception_response


def _count(cloudwatch: Callable[[str, str], Any], place: tuple[str, str], status: str) -> None:
    by_status = {"Name": "status", "Value": status}
    data = [
        {"MetricName": METRIC, "Dimensions": dimensions, "Value": 1.0, "Unit": "Count"}
        for dimensions in ([_MODEL], [_MODEL, by_status])
    ]
    try:
        cloudwatch(*place).put_metric_data(Namespace=NAMESPACE, MetricData=data)
    except Exception:  # noqa: BLE001 - a count that fails must not be seen by the caller
        _LOG.exception("A refusal of API Gateway was not counted")
