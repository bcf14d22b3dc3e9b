"""Schedules: a run is skipped while the one before has not ended.

On a busy machine a run may take longer than its schedule's period. If each were started all the
same, the runs would pile up and each make the others slower.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from evergreen_lambda_executor.metrics import Place, Series

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST = 3600.0
"""Seconds after which a run counts as ended: its event may have been given up."""


class Runs:
    """The runs of all schedules that have not ended."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._by_schedule: dict[str, tuple[str, float]] = {}

    def begin(self, schedule: str) -> str | None:
        """Return the request identifier of a new run, or None while one has not ended."""
        with self._lock:
            now = self._clock()
            found = self._by_schedule.get(schedule)
            if found and now - found[1] < LONGEST:
                return None
            request = str(uuid.uuid4())
            self._by_schedule[schedule] = request, now
            return request

    def end(self, request: str) -> None:
        """End the run of this request, if it is one."""
        with self._lock:
            for schedule, (running, _) in self._by_schedule.items():
                if running == request:
                    del self._by_schedule[schedule]
                    return


RUNS = Runs()
"""The runs of this LocalStack."""


def skipped(arn: str) -> tuple[Place, Series]:
    """Return what counts a skipped run of a function, as AWS counts an event that it drops."""
    _, _, _, region, account, _, name, *_ = arn.split(":")
    dimensions = (("FunctionName", name),)
    series = Series("AsyncEventsDropped", dimensions, "Count", None, int(time.time() * 1000))
    return Place(account, region, "AWS/Lambda"), series


def patch(
    provider: type[Any], sender: type[Any], runs: Runs, count: Callable[[Place, Series], None]
) -> None:
    """Change LocalStack's EventBridge.

    Parameters
    ----------
    provider, sender
        Its provider, and what sends events to functions.
    runs
        What has not ended.
    count
        Counts one skipped run.
    """
    stock_job = provider._get_scheduled_rule_job_function  # noqa: SLF001 - it has no other seam
    stock_send = sender.send_event
    of_schedule = threading.local()

    def job_of(*arguments: Any, **named: Any) -> Callable[..., None]:  # noqa: ANN401 - as it is
        job = stock_job(*arguments, **named)

        def run(*arguments: Any, **named: Any) -> None:  # noqa: ANN401 - as it is
            of_schedule.now = True  # the job has a thread of its own
            job(*arguments, **named)

        return run

    def send(self: Any, event: Any, trace_header: Any) -> None:  # noqa: ANN401 - as it is
        if not getattr(of_schedule, "now", False):
            stock_send(self, event, trace_header)
            return
        request = runs.begin(f"{self.rule_arn} {self.target['Id']}")
        if request is None:
            count(*skipped(self.target["Arn"]))
            return
        try:
            # As LocalStack sends it, but with an identifier that the end of the run is known by.
            self.client.custom_headers({"X-Amz-Request-Id": request}).invoke(
                FunctionName=self.target["Arn"],
                Payload=json.dumps(event).encode(),
                InvocationType="Event",
                TraceHeader=trace_header,
            )
        except BaseException:
            runs.end(request)
            raise

    provider._get_scheduled_rule_job_function = job_of  # noqa: SLF001 - it has no other seam
    sender.send_event = send
