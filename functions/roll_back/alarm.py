"""An alarm as CloudWatch hands it to a function.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasPath, BaseModel, BeforeValidator, ConfigDict, Field

from evergreen.metrics.catalog import MODEL_DIMENSION


def _in_utc(moment: datetime) -> datetime:
    # LocalStack's times name no zone; they are in UTC, too.
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _by_name(dimensions: object) -> object:
    # LocalStack lists them as PutMetricAlarm takes them.
    if not isinstance(dimensions, list):
        return dimensions
    return {each["Name"]: each["Value"] for each in dimensions}


class _Metric(BaseModel):
    model_config = ConfigDict(frozen=True)

    dimensions: Annotated[dict[str, str], BeforeValidator(_by_name)] = Field(
        validation_alias=AliasPath("metricStat", "metric", "dimensions")
    )


class Alarm(BaseModel):
    """An alarm that changed its state.

    Parameters
    ----------
    arn
        Which alarm.
    state, reason, at
        The state it is in now, why, and since when.
    metrics
        What it looks at.
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
        """The model whose alarm it is.

        Raises
        ------
        KeyError
            If it looks at no metric of a model.
        """
        return self.metrics[0].dimensions[MODEL_DIMENSION]
