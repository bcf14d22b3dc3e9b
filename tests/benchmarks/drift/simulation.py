"""Hands tasks to worker processes, keeps what they found, and can be taken up again."""

from __future__ import annotations

import json
import subprocess
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from evergreen.errors import EvergreenError
from tests.benchmarks.drift.cells import FAMILIES
from tests.benchmarks.drift.environments import ROOT, command, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.benchmarks.drift.cells import Task


class WorkerError(EvergreenError):
    """A worker process ended before it had answered."""


class _Worker:
    """A process in one environment; tasks one after the other."""

    def __init__(self, environment: str, log: Path) -> None:
        self._log = log
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command(environment, "worker"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
                env=variables(threads=1),
                text=True,
            )

    def run(self, task: Task) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asdict(task)) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise WorkerError(
                f"The worker died of {task.family}", where=str(task.cell), fix=f"See {self._log}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer

    def stop(self) -> None:
        self._process.kill()
        self._process.communicate()


class Simulation:
    """Runs tasks on some processes at once; every finished one is a line of ``record``."""

    def __init__(self, record: Path, log: Path, *, processes: int) -> None:
        self._record = record
        self._log = log
        self._processes = processes
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._workers: list[_Worker] = []

    def finished(self) -> dict[str, dict[str, Any]]:
        """Return what an earlier run left, by the tasks' keys."""
        if not self._record.exists():
            return {}
        # A line that was being written when the run was stopped is a task to be run again.
        lines = self._record.read_text().splitlines()
        whole = [json.loads(line) for line in lines if line.endswith("}")]
        return {item["key"]: item for item in whole}

    def run(
        self, tasks: Sequence[Task], advanced: Callable[[Task], None]
    ) -> dict[str, dict[str, Any]]:
        """Run what is not finished yet and return all the answers by key.

        Raises
        ------
        WorkerError
            If a worker died.
        """
        done = self.finished()
        waiting = [task for task in reversed(tasks) if task.key not in done]
        for task in tasks:
            if task.key in done:
                advanced(task)
        failures: list[Exception] = []
        threads = [
            threading.Thread(target=self._work, args=(waiting, done, advanced, failures))
            for _ in range(self._processes)
        ]
        for thread in threads:
            thread.start()
        try:
            while not self._stopping.is_set() and any(thread.is_alive() for thread in threads):
                self._stopping.wait(0.2)
        finally:
            # Ctrl-C, a failure or the end: what still runs is given up, what is finished is kept.
            self._stopping.set()
            for worker in list(self._workers):
                worker.stop()
            for thread in threads:
                thread.join()
        if failures:
            raise failures[0]
        return done

    def _work(
        self,
        waiting: list[Task],
        done: dict[str, dict[str, Any]],
        advanced: Callable[[Task], None],
        failures: list[Exception],
    ) -> None:
        workers: dict[str, _Worker] = {}
        try:
            while not self._stopping.is_set():
                with self._lock:
                    if not waiting:
                        return
                    task = waiting.pop()
                environment = FAMILIES[task.family]
                if environment not in workers:
                    workers[environment] = _Worker(environment, self._log)
                    self._workers.append(workers[environment])
                answer = workers[environment].run(task)
                with self._lock:
                    done[task.key] = answer
                    with self._record.open("a") as record:
                        record.write(json.dumps(answer) + "\n")
                    advanced(task)
        except Exception as error:  # noqa: BLE001 (carried to the thread that waits)
            if not self._stopping.is_set():
                failures.append(error)
                self._stopping.set()
