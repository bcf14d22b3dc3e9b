"""The event that a CloudWatch alarm sends to a function.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from evergreen.metrics.catalog import MODEL_DIMENSION


def _in_utc(moment: datetime) -> datetime:
    # LocalStack's times have no zone. They are in UTC, as AWS's.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _by_name(dimensions: object) -> object:
    # LocalStack lists the dimensions in the form of PutMetricAlarm.
    if not isinstance(dimensions, list):
        return dimensions
    return {each["Name"]: each["Value"] for each in dimensions}


class _Metric(BaseModel):
    model_config = ConfigDict(frozen=True)

    dimensions: Annotated[dict[str, str], BeforeValidator(_by_name)] = Field(
        validation_alias=AliasPath("metricStat", "metric", "dimensions")
    )


class Alarm(BaseModel):
    """A change of an alarm's state.

    Parameters
    ----------
    arn
        ARN of the alarm.
    state, reason, at
        The new state, its reason, and the time of the change.
    metrics
        The metrics that the alarm watches.
    """

    model_config = ConfigDict(frozen=True)

    source: Literal["aws.cloudwatch"]
    arn: str = Field(validation_alias="alarmArn")
    name: str = Field(validation_alias=AliasPath("alarmData", "alarmName"))
    state: str = Field(validation_alias=AliasPath("alarmData", "state", "value"))
    reason: str = Field(validation_alias=AliasPath("alarmData", "state", "reason"))
    at: Annotated[datetime, AfterValidator(_in_utc)] = Field(
        validation_alias=AliasPath("alarmData", "state", "timestamp")
    )
    metrics: tuple[_Metric, ...] = Field(
        validation_alias=AliasPath("alarmData", "configuration", "metrics"), min_length=1
    )

    @property
    def model(self) -> str:
        """The model of the watched metrics.

        Raises
        ------
        KeyError
            If the alarm watches no metric of a model.
        """
        return self.metrics[0].dimensions[MODEL_DIMENSION]
