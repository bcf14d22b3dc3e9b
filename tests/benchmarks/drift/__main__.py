"""`python -m tests.benchmarks.drift [--quick]`: the whole benchmark, its tables and its numbers."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from evergreen.errors import EvergreenError
from local.files import write_whole
from tests.benchmarks.drift import cells, report, speed
from tests.benchmarks.drift.environments import (
    FOLDER,
    ROOT,
    command,
    fingerprint,
    prepare,
    variables,
)
from tests.benchmarks.drift.results import summarise
from tests.benchmarks.drift.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.drift.cells import Plan, Task

_REPORT = ROOT / "docs" / "detection.md"
_NUMBERS = FOLDER / "drift.json"
_LOG = FOLDER / "drift.log"


class Benchmark:
    """One run: its parts in turn, what each says while it runs, and what it found."""

    def __init__(self, plan: Plan, console: Console, *, processes: int) -> None:
        self._plan = plan
        self._say = console.print
        self._console = console
        self._processes = processes
        self._folder = FOLDER / f"drift-{plan.name}-{fingerprint()}"
        self._folder.mkdir(parents=True, exist_ok=True)

    def run(self) -> None:
        """Run every part; what an interrupted run has found is kept."""
        prepare(lambda name, what: self._say(f"{name}: {what}"))
        for rows in self._plan.speed_rows:
            self._once(f"speed-{rows}", partial(self._speed, rows))
        # Neither says how fast anything is, and each keeps one processor busy.
        with ThreadPoolExecutor(self._processes) as pool:
            parts = {"streams": self._streams, "months": self._months}
            for done in [pool.submit(self._once, *part) for part in parts.items()]:
                done.result()
        self._simulate()

    def found(self) -> dict[str, Any]:
        """Return all that is finished, by this run or those that it takes up."""
        answers = self._simulation().finished()
        tasks = [task for task in self._plan.tasks if task.key in answers]
        speeds = (self._kept(f"speed-{rows}") for rows in self._plan.speed_rows)
        return {
            "run": self._plan.name,
            "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "processes": self._processes,
            "tasks": len(tasks),
            "tasks_planned": len(self._plan.tasks),
            "versions": report.versions(),
            "speed": list(chain.from_iterable(speeds)),
            "streams": self._kept("streams"),
            "months": self._kept("months"),
            **summarise(tasks, answers),
        }

    def _kept(self, name: str) -> list[dict[str, Any]]:
        file = self._folder / f"{name}.json"
        found: list[dict[str, Any]] = json.loads(file.read_text()) if file.exists() else []
        return found

    def _once(self, name: str, part: Callable[[], list[dict[str, Any]]]) -> None:
        file = self._folder / f"{name}.json"
        if not file.exists():
            write_whole(file, json.dumps(part()))

    def _speed(self, rows: int) -> list[dict[str, Any]]:
        found = []
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            self._say(f"speed: {rows:,} rows a side")
            self._process("drift", "speed", "store", str(rows), folder)
            for name, environment in speed.DETECTORS.items():
                if (name, rows) in self._plan.speed_left_out:
                    continue
                line = self._process(environment, "speed", "measure", name, folder)
                found.append({"rows": rows, **json.loads(line[0])})
                self._say(f"  {name}: {found[-1]['seconds']:.2f} s")
        return found

    def _streams(self) -> list[dict[str, Any]]:
        self._say("streams whose change is known")
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            self._process("bench", "streams", "generate", folder, str(self._plan.stream_seeds))
            answers = [
                json.loads(line)
                for family in self._plan.streams
                for line in self._process(cells.FAMILIES[family], "streams", family, folder)
            ]
        return [item for answer in answers for item in answer]

    def _months(self) -> list[dict[str, Any]]:
        self._say("a year of flights, month by month")
        fraction, last = self._plan.flights
        output = self._finish(
            [sys.executable, *command("drift", "months", str(fraction), str(last))[1:]]
        )
        found: list[dict[str, Any]] = json.loads(output[0])
        return found

    def _simulation(self) -> Simulation:
        return Simulation(self._folder / "simulation.jsonl", _LOG, processes=self._processes)

    def _simulate(self) -> None:
        at_most = sum(task.seconds for task in self._plan.tasks) / self._processes / 60
        self._say(
            f"simulation: {len(self._plan.tasks)} tasks, about {at_most:.0f} minutes at most; "
            "Ctrl-C keeps what is finished"
        )
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
        )
        with Progress(*columns, console=self._console) as bar:
            ticket = bar.add_task("simulation", total=len(self._plan.tasks))

            def advanced(task: Task) -> None:
                cell = task.cell
                where = f"{cell.reference}/{cell.window}/{cell.features}"
                bar.update(
                    ticket, advance=1, description=f"{task.family} {where} {task.shift.kind}"
                )

            self._simulation().run(self._plan.tasks, advanced)

    def _process(self, environment: str, module: str, *arguments: str) -> list[str]:
        return self._finish(command(environment, module, *arguments))

    def _finish(self, arguments: list[str]) -> list[str]:
        with _LOG.open("ab") as log:
            done = subprocess.run(
                arguments,
                cwd=ROOT,
                env=variables(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise EvergreenError(
                "A part of the benchmark failed", where=" ".join(arguments[4:]), fix=f"See {_LOG}"
            )
        return done.stdout.decode().splitlines()


def main() -> None:
    """Run and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer cells, under ten minutes")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--again", action="store_true", help="forget what an earlier run has found")
    parser.add_argument(
        "--finished", action="store_true", help="run nothing: write what is finished so far"
    )
    arguments = parser.parse_args()
    plan = cells.quick() if arguments.quick else cells.full()
    FOLDER.mkdir(parents=True, exist_ok=True)
    if arguments.again:
        for folder in FOLDER.glob(f"drift-{plan.name}-*"):
            shutil.rmtree(folder)
    console = Console()
    benchmark = Benchmark(plan, console, processes=arguments.processes)
    try:
        if not arguments.finished:
            benchmark.run()
    except KeyboardInterrupt:
        console.print(
            "Stopped. The same command takes it up where it was; "
            "with --finished it writes what there is."
        )
        raise SystemExit(130) from None
    except EvergreenError as error:
        console.print(str(error))
        raise SystemExit(1) from None
    found = benchmark.found()
    write_whole(_NUMBERS, json.dumps(found, indent=1) + "\n")
    write_whole(_REPORT, report.render(found))
    console.print(f"Tables: {_REPORT.relative_to(ROOT)}; numbers: {_NUMBERS.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
