"""All replays side by side, one series per process, and how far they are."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tests.benchmarks.loop import streams
from tests.benchmarks.loop.deployment import Workshop
from tests.benchmarks.loop.policies import REPLAYED
from tests.benchmarks.loop.replay import replay
from tests.benchmarks.loop.report import Replayed
from tests.benchmarks.loop.series import flights, ridership

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from tests.benchmarks.loop.replay import Outcome
    from tests.benchmarks.loop.series import Series


def all_series(*, quick: bool) -> dict[str, Callable[[], Series]]:
    """Return what makes each series, by name."""
    share = 0.1 if quick else 1.0
    years = range(2001, 2006) if quick else range(2001, 2017)
    return {
        "flight_delay": partial(flights, "flight_delay", share),
        "flight_duration": partial(flights, "flight_duration", share),
        "daily_ridership": partial(ridership, years),
        **{
            name if draw == 1 else f"{name}, draw {draw}": partial(make, draw)
            for name, make in (("abrupt", streams.abrupt), ("recurring", streams.recurring))
            for draw in range(1, streams.DRAWS + 1)
        },
    }


def replay_all(name: str, quick: bool, done: Queue[str]) -> dict[str, Outcome]:
    """Replay one series under every policy; put its name into ``done`` after each period."""
    # The terminal's Ctrl-C reaches every process; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One thread: data this small waits for threads longer than it computes.
    with threadpool_limits(1):
        workshop = Workshop(all_series(quick=quick)[name]())
        return {policy: replay(workshop, policy, partial(done.put, name)) for policy in REPLAYED}


def run(*, quick: bool, workers: int, console: Console) -> list[Replayed]:
    """Replay each series under each policy, and show how far it is."""
    makers = all_series(quick=quick)
    series = {name: make() for name, make in makers.items()}
    spawn = multiprocessing.get_context("spawn")
    columns: list[Any] = [
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        *(TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn()),
    ]
    with (
        spawn.Manager() as manager,
        ProcessPoolExecutor(workers, mp_context=spawn) as pool,
        Progress(*columns, console=console) as progress,
    ):
        done = manager.Queue()
        tasks = {
            name: progress.add_task(name, total=len(one.periods) * len(REPLAYED))
            for name, one in series.items()
        }
        futures = {name: pool.submit(replay_all, name, quick, done) for name in series}
        try:
            while not all(future.done() for future in futures.values()):
                _show(progress, tasks, done)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        return [Replayed(series[name], futures[name].result()) for name in series]


def _show(progress: Progress, tasks: dict[str, TaskID], done: Queue[str]) -> None:
    with suppress(Empty):
        progress.advance(tasks[done.get(timeout=1)])
