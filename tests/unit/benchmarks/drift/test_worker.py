"""One tiny cell, through a real worker process, kept and taken up again."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from tests.benchmarks.drift import simulation
from tests.benchmarks.drift.cells import FAMILIES, Task, full, quick
from tests.benchmarks.drift.data import NOTHING, Cell
from tests.benchmarks.drift.environments import command, fingerprint
from tests.benchmarks.drift.worker import parse, run

if TYPE_CHECKING:
    from pathlib import Path

TASK = Task("psi", Cell(200, 50, 5), NOTHING, 3, 30.0)


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    # The images' environments need not be built for this: the same module in this interpreter.
    monkeypatch.setattr(
        simulation, "command", lambda *given: [sys.executable, *command(*given)[1:]]
    )


def test_a_task_survives_its_line() -> None:
    assert parse(json.dumps(asdict(TASK))) == TASK


def test_time_ends_a_task_after_one_repetition_at_least() -> None:
    assert run(Task("psi", TASK.cell, NOTHING, 1_000_000, 0.0))["repetitions"] == 1


@pytest.mark.usefixtures("here")
def test_a_finished_task_is_not_run_again(tmp_path: Path) -> None:
    record, log = tmp_path / "record.jsonl", tmp_path / "log"
    seen: list[Task] = []
    first = simulation.Simulation(record, log, processes=2).run([TASK], seen.append)
    assert first[TASK.key]["repetitions"] == 3
    written = record.read_text()
    record.write_text(written + '{"key": "half a li')
    again = simulation.Simulation(record, log, processes=1).run([TASK], seen.append)
    assert again == first
    assert seen == [TASK, TASK]


@pytest.mark.usefixtures("here")
def test_a_worker_that_dies_says_of_what(tmp_path: Path) -> None:
    impossible = Task("psi", Cell(-1, 50, 5), NOTHING, 3, 30.0)
    with pytest.raises(simulation.WorkerError, match="died of psi"):
        simulation.Simulation(tmp_path / "record", tmp_path / "log", processes=1).run(
            [impossible], lambda _: None
        )


@pytest.mark.parametrize("plan", [quick(), full()])
def test_power_is_only_measured_where_false_alarms_are(plan: object) -> None:
    tasks = plan.tasks  # type: ignore[attr-defined]
    assert {task.family for task in tasks} == set(FAMILIES)
    clean = {task.cell for task in tasks if task.shift == NOTHING}
    assert {task.cell for task in tasks} == clean


def test_results_are_kept_by_the_code_that_found_them() -> None:
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 12
