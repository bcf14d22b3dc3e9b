"""Real programs, started, watched and stopped."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from threading import Event
from typing import TYPE_CHECKING

import psutil
import pytest

from local import process
from local.process import CancelledError, Child, Command, ServiceError

if TYPE_CHECKING:
    from pathlib import Path

Start = Callable[[str], Child]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Python program that prints READY when it is; stopped after the test."""
    children: list[Child] = []

    def run(program: str) -> Child:
        child = process.start(command(tmp_path, program))
        children.append(child)
        return child

    yield run
    for child in children:
        process.stop(child, politely=signal.SIGKILL)


def command(folder: Path, program: str) -> Command:
    return Command((sys.executable, "-uc", program), {}, folder / "work", folder / "log")


def await_ready(child: Child, folder: Path) -> None:
    await_healthy(child, folder, lambda: "READY" in (folder / "log").read_text())


def await_healthy(
    child: Child, folder: Path, healthy: Callable[[], bool], seconds: float = 60
) -> None:
    process.wait_until_healthy(
        child, healthy, title="Test", log=folder / "log", seconds=seconds, cancelled=Event()
    )


SLEEP = "import time; print('READY'); time.sleep(600)"


def test_started_program_runs_in_its_own_session_and_folder(start: Start, tmp_path: Path) -> None:
    child = start(SLEEP)
    await_ready(child, tmp_path)
    running = process.find(child)
    assert running is not None
    assert os.getsid(child.pid) == child.pid
    assert running.cwd() == str(tmp_path / "work")


def test_stopped_program_is_gone(start: Start, tmp_path: Path) -> None:
    child = start(SLEEP)
    await_ready(child, tmp_path)
    process.stop(child)
    assert process.find(child) is None
    process.stop(child)  # once more does no harm


def test_program_that_ignores_the_polite_signal_is_killed(start: Start, tmp_path: Path) -> None:
    child = start(f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}")
    await_ready(child, tmp_path)
    process.stop(child, seconds=0.5)
    assert process.find(child) is None


def test_worker_that_outlived_its_server_is_stopped_with_it(start: Start, tmp_path: Path) -> None:
    child = start(
        "import subprocess, sys\n"
        "worker = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "open('worker', 'w').write(str(worker.pid))\n" + SLEEP
    )
    await_ready(child, tmp_path)
    worker = psutil.Process(int((tmp_path / "work" / "worker").read_text()))
    os.kill(child.pid, signal.SIGKILL)
    psutil.wait_procs([psutil.Process(child.pid)], timeout=30)
    assert worker.is_running()
    process.stop(child)
    gone, _ = psutil.wait_procs([worker], timeout=30)
    assert gone or worker.status() == psutil.STATUS_ZOMBIE


def test_recycled_id_is_never_stopped(start: Start, tmp_path: Path) -> None:
    child = start(SLEEP)
    await_ready(child, tmp_path)
    stranger = child.model_copy(update={"started": child.started - 3600})
    assert process.find(stranger) is None
    process.stop(stranger)
    assert process.find(child) is not None


def test_program_that_ends_while_starting_is_an_error_with_its_last_words(
    start: Start, tmp_path: Path
) -> None:
    child = start("raise SystemExit('the disk is full')")
    with pytest.raises(ServiceError, match=r"(?s)Test: it ended while starting.*the disk is full"):
        await_healthy(child, tmp_path, lambda: False)


def test_program_that_never_becomes_healthy_is_an_error(start: Start, tmp_path: Path) -> None:
    child = start(SLEEP)
    with pytest.raises(ServiceError, match="did not become healthy within 0 seconds"):
        await_healthy(child, tmp_path, lambda: False, seconds=0)


def test_waiting_can_be_called_off(start: Start, tmp_path: Path) -> None:
    child, cancelled = start(SLEEP), Event()
    cancelled.set()
    with pytest.raises(CancelledError):
        process.wait_until_healthy(
            child,
            lambda: False,
            title="Test",
            log=tmp_path / "log",
            seconds=600,
            cancelled=cancelled,
        )


def test_missing_program_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="no-such-program"):
        process.start(Command(("/no-such-program",), {}, tmp_path, tmp_path / "log"))


def test_log_of_the_run_before_is_kept(start: Start, tmp_path: Path) -> None:
    first = start("print('READY first')")
    psutil.wait_procs([p for p in [process.find(first)] if p], timeout=30)
    second = start("print('READY second')")
    psutil.wait_procs([p for p in [process.find(second)] if p], timeout=30)
    assert "first" in (tmp_path / "log.previous").read_text()
    assert "second" in (tmp_path / "log").read_text()
