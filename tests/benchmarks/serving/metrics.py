"""What emitting metrics adds to an answer: `python -m tests.benchmarks.serving.metrics`.

The prediction function answers the same request with metrics and without, in turns, so that
whatever else the machine does meets both alike. Everything is the function's own code; moto is
the AWS it starts from, and Firehose accepts every batch at once: moto's own time would hide what is
measured. Medians, and their ratio.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from functions.predict import handler as entry
from functions.predict import service as wiring
from functions.shared.metrics import Recorder, ServiceWatch
from tests.support.aws_in_process import account, intercepted
from tests.support.gateway_events import Context, event
from tests.support.predict_function import predict_function
from tests.support.trained_models import ROW, promote

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from evergreen.metrics.catalog import Metric

TURNS = 400
ROWS = (1, 100, 1000)


class _Switched(Recorder):
    """A recorder that can be switched off."""

    on = True

    def record(self, metric: Metric, value: float, by: str | None = None) -> None:
        if self.on:
            super().record(metric, value, by)

    def flush(self) -> None:
        if self.on:
            super().flush()


class _SwitchedWatch:
    def __init__(self) -> None:
        self._watch = ServiceWatch()

    def watch(self, recorder: _Switched, context: Any) -> AbstractContextManager[None]:
        return self._watch.watch(recorder, context) if recorder.on else nullcontext()


def main() -> None:
    """Measure and say what was found."""
    recorder = _Switched("late_bus")
    with (
        tempfile.TemporaryDirectory() as models,
        account() as aws,
        pytest.MonkeyPatch.context() as patch,
        predict_function(aws, Path(models), patch),
        mock.patch.object(wiring, "recorder", return_value=recorder),
        mock.patch.object(entry, "recorder", return_value=recorder),
        mock.patch.object(entry, "_watch", _SwitchedWatch()),
        intercepted(aws.firehose, "PutRecordBatch", _accept),
    ):
        promote(aws.storage(), aws.production(), "1")
        for rows in ROWS:
            _compare(rows, recorder)


def _accept(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"FailedPutCount": 0, "RequestResponses": []}


def _compare(rows: int, recorder: _Switched) -> None:
    request = event("POST", "/models/late_bus/predict", {"instances": [ROW] * rows})
    context: Any = Context()
    times: dict[bool, list[float]] = {True: [], False: []}
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere):
        for turn in range(TURNS):
            recorder.on = turn % 2 == 0
            times[recorder.on].append(_milliseconds(lambda: entry.handler(request, context)))
    with_, without = median(times[True]), median(times[False])
    sys.stdout.write(
        f"{rows:5} rows: {with_:.3f} ms with metrics, {without:.3f} ms without: "
        f"{with_ - without:+.3f} ms, ratio {with_ / without:.2f}\n"
    )


def _milliseconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


if __name__ == "__main__":
    main()
