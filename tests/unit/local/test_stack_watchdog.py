"""What a killed test run leaves of its stack: nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from pathlib import Path

RUN = """
import os, sys
from pathlib import Path
from local.process import Command, start
from local.settings import read_settings
from local.state import ServiceRecord, StateFile
from tests.support.stack_watchdog import watched
state = Path(sys.argv[1])
with watched(state):
    log = state / "mlflow.log"
    service = start(Command(("/bin/sleep", "600"), {}, state, log))
    record = ServiceRecord(title="MLflow", child=service, port=1, url="http://nowhere", log=log)
    StateFile(read_settings(state=state).paths.state_file).record("mlflow", record)
    print(service.pid, flush=True)
    os.kill(os.getpid(), int(sys.argv[2]))
"""


def test_the_services_of_a_killed_run_are_stopped_and_their_folder_is_gone(tmp_path: Path) -> None:
    state = tmp_path / "stack"
    state.mkdir()
    command = [sys.executable, "-c", RUN, str(state), str(int(signal.SIGKILL))]
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert run.returncode == -signal.SIGKILL
    with suppress(psutil.NoSuchProcess):
        psutil.Process(int(run.stdout)).wait(60)
    until = time.monotonic() + 60
    while state.exists() and time.monotonic() < until:
        time.sleep(0.05)
    assert not state.exists()
