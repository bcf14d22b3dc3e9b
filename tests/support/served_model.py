"""A served model in one process: everything is real except AWS, which moto replaces."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from evergreen.capture.delivery import Delivery
from evergreen.model_definition import Shadow
from evergreen.production import ShadowSlot
from evergreen.serving.champion import ModelServer
from evergreen.serving.server import PredictionService
from evergreen.shadow.scorer import ShadowScorer
from tests.support.fixed_clock import NOW
from tests.support.trained_models import DEFINITION, ROW, promote

if TYPE_CHECKING:
    from evergreen.metrics.catalog import Metric
    from evergreen.model_definition import ModelDefinition
    from tests.support.aws_in_process import Account

STREAM = "requests"
PATIENT = DEFINITION.model_copy(update={"shadow": Shadow(budget_ms=1000)})
"""The definition of a model that waits for its challenger."""


@dataclass
class World:
    aws: Account
    seconds: float = 100.0
    inference_seconds: float = 0.0
    recorded: dict[Metric, list[float]] = field(default_factory=lambda: defaultdict(list))
    groups: dict[Metric, dict[str, float]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(float))
    )
    definition: ModelDefinition = DEFINITION

    def __post_init__(self) -> None:
        self._measured = 0.0
        self.aws.create_stream(STREAM)
        self.storage = self.aws.storage()
        self.production = self.aws.production()
        self.server = ModelServer(
            self.definition,
            self.production,
            self.storage,
            self.record,
            seconds=lambda: self.seconds,
        )
        log = Delivery(self.aws.firehose, STREAM, self.storage, "raw/", pause=lambda _: None)
        self.shadow = ShadowScorer(
            self.definition, self.storage, self.record, seconds=lambda: self.seconds
        )
        self.service = PredictionService(
            log,
            self.shadow,
            self.record,
            clock=lambda: NOW,
            seconds=self._stopwatch,
        )

    def record(self, metric: Metric, value: float, by: str | None = None) -> None:
        self.recorded[metric].append(value)
        if by is not None:
            self.groups[metric][by] += value

    def _stopwatch(self) -> float:
        self._measured += self.inference_seconds
        return self._measured

    @property
    def log(self) -> list[dict[str, Any]]:
        """The records logged so far, in order."""
        return self.aws.delivered(STREAM)

    def forget_log(self) -> None:
        self.aws.forget_delivered(STREAM)

    def version(self) -> str:
        return self.server.champion().pointer.version

    def predict(self, *rows: dict[str, Any], **more: Any) -> Any:
        champion = self.server.champion()
        request = champion.reader.read(json.dumps({"instances": rows or [ROW], **more}).encode())
        return self.service.predict(
            champion, request, {"source_ip": "192.0.2.1", "user_agent": "curl"}
        )


def shadowed(world: World, **changes: Any) -> World:
    """Put version 1 into production and version 2 into its shadow."""
    champion = promote(world.storage, world.production, "1")
    other = promote(world.storage, world.production, "2")
    world.production.write(DEFINITION.name, champion)
    slot = ShadowSlot(
        version="2", bundle_uri=other.bundle_uri, sha256=other.sha256, started_at=NOW
    ).model_copy(update=changes)
    assert world.production.set_shadow(DEFINITION.name, slot)
    return world
