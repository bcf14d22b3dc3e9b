"""What API Gateway refuses before any function is counted in CloudWatch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from evergreen_strict_localstack.gateway import patch
from evergreen_strict_localstack.stock import UnexpectedCodeError
from local.lambda_executor.tests.harness import wait_for

if TYPE_CHECKING:
    from local.lambda_executor.tests.harness import Emulator


def test_a_call_without_a_key_is_counted_in_total_and_by_status(strict: Emulator) -> None:
    gateway, cloudwatch = strict.client("apigateway"), strict.client("cloudwatch")
    api = gateway.create_rest_api(name="shop")
    about = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    gateway.put_method(**about, authorizationType="NONE", apiKeyRequired=True)
    gateway.put_integration(**about, type="MOCK")
    gateway.create_deployment(restApiId=api["id"], stageName="dev")
    url = f"{strict.url}/_aws/execute-api/{api['id']}/dev/"
    assert [httpx.get(url).status_code for _ in range(3)] == [403] * 3

    def counted(**dimensions: str) -> float:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace="Evergreen",
            MetricName="GatewayRefusals",
            Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
            StartTime=now - timedelta(minutes=10),
            EndTime=now + timedelta(minutes=1),
            Period=3600,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    wait_for(lambda: counted(model="-") == 3, "three refusals")
    assert counted(model="-", status="403") == 3
    assert counted(model="-", status="429") == 0


def test_another_localstack_is_an_error() -> None:
    class Other:
        def create_exception_response(self, exception: Exception) -> None: ...

    with pytest.raises(UnexpectedCodeError, match="another way"):
        patch(Other, lambda _account, _region: None)
