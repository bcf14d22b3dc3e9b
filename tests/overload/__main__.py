"""Run the overload proof on a stack of its own; `make overload MINUTES=3` is the short form.

Each model has a version in production, and rows for its drift checks, which a schedule starts each
minute. One busy program for each core takes the time that the checks need. The stack has to stay
below 8 GB and to go on answering. Runs that a schedule skips, because the one before has not ended,
are counted and are no fault.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import psutil

from cli.shared.cdk_deployment import deploy, emulator_context
from cli.shared.demo_steps import example_row
from cli.shared.examples import find_example
from cli.shared.loop_observation import Loop
from cli.shared.replaying import Pace, replay
from cli.shared.target import Target
from cli.shared.traffic import Api, ApiError
from evergreen.clock import utc_now
from evergreen.deployment.by_hand import train_and_promote
from evergreen.drift.log import read_drift_decisions
from tests.overload.memory import Held, held_by
from tests.support.own_stack import own_stack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.stack import Stack

MODELS = ("flight_delay", "flight_duration", "daily_ridership")
LIMIT = 8_000_000_000
"""Bytes that the stack may hold."""
PAUSE = 2.0
"""Seconds between two measurements."""
BUSY = "while True: pass"


@dataclass(slots=True)
class Observed:
    """What the measurements saw."""

    peak: Held = field(default_factory=Held)
    answers: list[float] = field(default_factory=list)
    """Seconds that each prediction took."""
    refused: int = 0
    """Predictions without an answer, or with an error."""


def main() -> int:
    """Run it, print what was measured; return 1 if a promise does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    minutes = parser.parse_args().minutes
    with own_stack(lambda subject, what: say(f"{subject}: {what}")) as stack:
        target = deployed(stack)
        for model in MODELS:
            say(f"training {model}, and rows for its checks")
            fill(target, model)
        cores = psutil.cpu_count() or 1
        say(f"{minutes:g} minutes with {cores} busy programs on {cores} cores")
        began = utc_now()
        with busy(cores):
            observed = observe(target, stack, minutes)
        return report(observed, checks_since(target, began), skipped_since(target, began))


def deployed(stack: Stack) -> Target:
    """Deploy the app with a drift check of each schedule every minute, and no retraining."""
    target = Target.local(stack)
    context = emulator_context(target, period="1 minute", cooldown="1 day")
    deploy(target, context, stack.settings.paths.logs / "deploy.log", say)
    return target


def fill(target: Target, model: str) -> None:
    """Put a version into production, and send it the rows of its first replayed period."""
    example = find_example(model)
    rows = example.load(example.trained_on, example.fraction)
    made = train_and_promote(
        target, example.definition, example.folder, rows, example.source, lambda _: None
    )
    live = example.load(example.replayed[:1], example.fraction)
    with Api.of(target) as api:
        Loop(target, example.definition).wait_until_serving(api, made.challenger)
        replay(api, example.definition, live, pace=Pace(batch_rows=example.batch_rows))


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """Keep that many cores busy."""
    with ExitStack() as stack:
        for _ in range(programs):
            program = stack.enter_context(subprocess.Popen([sys.executable, "-c", BUSY]))
            stack.callback(program.kill)
        yield


def observe(target: Target, stack: Stack, minutes: float) -> Observed:
    """Measure memory, and ask for a prediction, again and again."""
    observed = Observed()
    row = {"instances": [example_row(MODELS[0])]}
    ends = time.monotonic() + minutes * 60
    told = 0.0
    with Api.of(target) as api:
        while (now := time.monotonic()) < ends:
            observed.peak = observed.peak.peak(held_by(stack.settings))
            try:
                api.predict(MODELS[0], row)
            except ApiError:
                observed.refused += 1
            else:
                observed.answers.append(time.monotonic() - now)
            if now - told > 60:
                told = now
                say(f"{(ends - now) / 60:.0f} minutes left; peak {observed.peak}")
            time.sleep(PAUSE)
    return observed


def checks_since(target: Target, began: datetime) -> int:
    """Count the drift checks that were done."""
    return sum(
        len(read_drift_decisions(target.storage, model, began, utc_now())) for model in MODELS
    )


def skipped_since(target: Target, began: datetime) -> int:
    """Count the runs that schedules skipped, by the metric that says so."""
    client = target.client("cloudwatch")
    found = client.list_metrics(Namespace="AWS/Lambda", MetricName="AsyncEventsDropped")["Metrics"]
    return sum(
        int(point["Sum"])
        for metric in found
        for point in client.get_metric_statistics(
            Namespace="AWS/Lambda",
            MetricName="AsyncEventsDropped",
            Dimensions=metric["Dimensions"],
            StartTime=began - timedelta(minutes=1),
            EndTime=utc_now() + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum"],
        )["Datapoints"]
    )


def report(observed: Observed, checks: int, skipped: int) -> int:
    """Print what was measured; return 1 if a promise does not hold."""
    peak, answers = observed.peak, sorted(observed.answers)
    resident = f"{peak.resident / 1e9:.2f} GB if shared pages count for each process"
    say(f"memory at its peak: {peak.shared / 1e9:.2f} GB; {resident}")
    say(f"processes at once: {peak.processes}, of which {peak.functions} run a function")
    say(f"drift checks done: {checks}; runs skipped: {skipped}")
    middle, last = (answers[len(answers) // 2], answers[-1]) if answers else (0.0, 0.0)
    say(f"predictions: {len(answers)} answered, {observed.refused} not")
    say(f"an answer takes {middle:.2f} s (median), the longest {last:.1f} s")
    faults = [
        text
        for holds, text in (
            (peak.shared < LIMIT, f"the stack held more than {LIMIT / 1e9:g} GB"),
            (checks > 0, "no drift check was done"),
            (observed.refused <= len(answers) / 100, "more than 1 % of predictions failed"),
        )
        if not holds
    ]
    for fault in faults:
        say(f"FAILED: {fault}")
    return 1 if faults else 0


def say(text: str) -> None:
    """Print a line at once."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
