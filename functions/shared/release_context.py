"""What the functions that decide share: environment, release context, request and counters."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import boto3
from pydantic import BaseModel, ConfigDict, Field

from evergreen.clock import utc_now
from evergreen.events import Events
from evergreen.metrics.catalog import Metric
from evergreen.production import Production
from evergreen.registry.writer import Registry
from evergreen.release.context import ReleaseContext
from evergreen.storage import Storage
from functions.shared.environment import Environment
from functions.shared.metrics import Recorder
from functions.shared.tracking import tracking_client

if TYPE_CHECKING:
    from evergreen.release.decision_log import Decision

_COUNTERS: dict[Decision, Metric] = {
    "promote": Metric.PROMOTIONS,
    "reject": Metric.REJECTIONS,
    "roll_back": Metric.ROLLBACKS,
}


class ReleaseSettings(Environment):
    """Environment of a function that decides."""

    stage: str = Field(alias="EVERGREEN_STAGE")
    bucket: str = Field(alias="EVERGREEN_BUCKET")
    event_bus: str = Field(alias="EVERGREEN_EVENT_BUS")
    tracking_uri: str = Field(alias="MLFLOW_TRACKING_URI")
    tracking_secret: str | None = Field(alias="MLFLOW_CREDENTIALS_SECRET", default=None)


class JudgedChallenger(BaseModel):
    """Which challenger was judged, and by which execution."""

    model_config = ConfigDict(frozen=True)

    model: str
    challenger: str
    execution: str | None = None


@cache
def release_context() -> ReleaseContext:
    """Return the release context: everything that a decision reads and is written to."""
    settings = ReleaseSettings.read()
    return ReleaseContext(
        storage=Storage(settings.bucket, boto3.client("s3")),
        production=Production(settings.stage, boto3.client("ssm")),
        registry=Registry(tracking_client(settings.tracking_uri, settings.tracking_secret)),
        events=Events(settings.event_bus, boto3.client("events")),
        clock=utc_now,
    )


def count(model: str, decision: Decision) -> None:
    """Count a decision, and none of the other kinds, so that each counter has data."""
    recorder = Recorder(model)
    for kind, metric in _COUNTERS.items():
        recorder.record(metric, int(kind == decision))
    recorder.flush()
