"""All replays side by side, one series per process, and how far they are."""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
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
)
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tests.benchmarks.loop import streams
from tests.benchmarks.loop.kept import kept
from tests.benchmarks.loop.policies import policies_of
from tests.benchmarks.loop.public.catalogue import FEW, PUBLIC, load_public
from tests.benchmarks.loop.public.halves import half_of
from tests.benchmarks.loop.replay import replay
from tests.benchmarks.loop.replayed import Replayed
from tests.benchmarks.loop.series import flights, ridership
from tests.benchmarks.loop.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from rich.console import Console
    from sklearn.base import BaseEstimator

    from tests.benchmarks.loop.series import Series

Told = tuple[str, int]
"""Name of a series, and how many periods it will have under all policies; 0 when one is over."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is replayed.

    Parameters
    ----------
    series
        Names.
    policies
        Names; all that the kind of run has if empty.
    quick
        Whether fewer rows, periods and policies will do.
    """

    series: tuple[str, ...]
    policies: tuple[str, ...]
    quick: bool


def own_series(*, quick: bool) -> dict[str, Callable[[], Series]]:
    """Return what makes each series that settings were chosen on, by name."""
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


def all_series(*, quick: bool) -> dict[str, Callable[[], Series]]:
    """Return what makes each series, by name."""
    public = {name: partial(load_public, table, quick=quick) for name, table in PUBLIC.items()}
    return own_series(quick=quick) | public


def names_of(part: str, *, few: bool = False) -> tuple[str, ...]:
    """Return the names of a part.

    Parameters
    ----------
    part
        ``seen``, ``once``, or ``own`` for those with own settings.
    few
        Whether of ``seen`` only :data:`FEW` are meant.
    """
    if part == "own":
        return tuple(own_series(quick=True))
    if part == "seen" and few:
        return FEW
    return tuple(name for name in PUBLIC if half_of(name) == part)


def replay_one(name: str, plan: Plan, done: Queue[Told]) -> Replayed:
    """Replay one series under every policy, and tell ``done`` after each period."""
    # The terminal's Ctrl-C reaches every process; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # One thread: data this small waits for threads longer than it computes.
    with threadpool_limits(1):
        series = all_series(quick=plan.quick)[name]()
        policies = plan.policies or policies_of(series.settings, quick=plan.quick)
        done.put((name, len(series.periods) * len(policies)))
        workshop, told = Workshop(series), partial(done.put, (name, 0))
        outcomes = {
            one: kept(name, one, quick=plan.quick, make=partial(replay, workshop, one, told))
            for one in policies
        }
        # A trainer that was loaded from a file cannot be sent to another process.
        return Replayed(replace(series, trainer=_no_trainer), outcomes)


def run(plan: Plan, *, workers: int, console: Console) -> list[Replayed]:
    """Replay each series under each policy, and show how far it is."""
    spawn = multiprocessing.get_context("spawn")
    columns: list[Any] = [
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()),
        TimeElapsedColumn(),
    ]
    with (
        spawn.Manager() as manager,
        ProcessPoolExecutor(workers, mp_context=spawn) as pool,
        Progress(*columns, console=console) as progress,
    ):
        done = manager.Queue()
        futures = {name: pool.submit(replay_one, name, plan, done) for name in plan.series}
        tasks = {name: progress.add_task(name, total=None, start=False) for name in plan.series}
        try:
            while not all(future.done() for future in futures.values()):
                _show(progress, tasks, done)
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                process.terminate()
            raise
        return [futures[name].result() for name in plan.series]


def _show(progress: Progress, tasks: dict[str, TaskID], done: Queue[Told]) -> None:
    with suppress(Empty):
        name, total = done.get(timeout=1)
        if total:
            progress.start_task(tasks[name])
            progress.update(tasks[name], total=total)
        else:
            progress.advance(tasks[name])


def _no_trainer(features: pd.DataFrame, target: pd.Series) -> BaseEstimator:
    raise NotImplementedError(f"{target.name} of {len(features)} rows: replayed already")
