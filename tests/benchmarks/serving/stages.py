"""Where the time of an answer goes: each part of the function's own code with a stopwatch on it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import wraps
from typing import TYPE_CHECKING, Any
from unittest import mock

from evergreen.bundle.predictor import Predictor
from evergreen.capture.delivery import Delivery
from evergreen.capture.request_log import RequestLogWriter
from evergreen.serving.data_quality import QualityCheck
from evergreen.serving.metric_groups import OutputGroups
from evergreen.serving.requests import RequestReader
from functions.predict.protocols import own
from functions.shared.metrics import Recorder, ServiceWatch

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("routing", "parsing", "prediction", "log encoding", "put", "metrics", "answer")
"""Routing is what no other stage takes: API Gateway's event, Mangum, FastAPI, the logger."""
_PARTS: tuple[tuple[Any, str, str], ...] = (
    (RequestReader, "read", "parsing"),
    (Predictor, "predict", "prediction"),
    (RequestLogWriter, "lines", "log encoding"),
    (Delivery, "deliver", "put"),
    (QualityCheck, "count", "metrics"),
    (OutputGroups, "count", "metrics"),
    (Recorder, "record_answer", "metrics"),
    (Recorder, "flush", "metrics"),
    (own, "prediction_body", "answer"),
    (own, "answer", "answer"),
)


class Stopwatch:
    """Measures the stages of calls while it is entered."""

    def __init__(self) -> None:
        self._taken: dict[str, float] = {}
        self._patches = ExitStack()

    def __enter__(self) -> Stopwatch:
        for owner, name, stage in _PARTS:
            timed = self._timed(getattr(owner, name), stage)
            self._patches.enter_context(mock.patch.object(owner, name, timed))
        self._patches.enter_context(mock.patch.object(ServiceWatch, "watch", self._watched()))
        return self

    def __exit__(self, *_: object) -> None:
        self._patches.close()

    def run(self, call: Callable[[], Any]) -> dict[str, float]:
        """Return the seconds that each stage of the call took."""
        self._taken = dict.fromkeys(STAGES, 0.0)
        started = time.process_time()
        call()
        whole = time.process_time() - started
        self._taken["routing"] = whole - sum(self._taken.values())
        return self._taken

    def _timed(self, part: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @wraps(part)
        def timed(*told: Any, **named: Any) -> Any:
            started = time.process_time()
            try:
                return part(*told, **named)
            finally:
                self._taken[stage] += time.process_time() - started

        return timed

    def _watched(self) -> Callable[..., Any]:
        """Return the watch over resources with its beginning and its end measured."""
        watch, stopwatch = ServiceWatch.watch, self

        class Watched:
            def __init__(self, *told: Any) -> None:
                self._watch = watch(*told)

            def __enter__(self) -> None:
                stopwatch._timed(self._watch.__enter__, "metrics")()

            def __exit__(self, *raised: Any) -> None:
                stopwatch._timed(self._watch.__exit__, "metrics")(*raised)

        def watched(*told: Any) -> Watched:  # a function, because a class is no method
            return Watched(*told)

        return watched
