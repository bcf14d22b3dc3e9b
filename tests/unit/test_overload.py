"""How the overload proof measures memory."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil

from local.process import Child
from local.settings import Paths, Settings
from local.state import ServiceRecord, StateFile
from tests.overload.memory import Held, held_by

if TYPE_CHECKING:
    from pathlib import Path

MEGABYTES = 60
HOLD = f"block = b'x' * {MEGABYTES * 10**6}; print(); input()"
PROGRAM = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {HOLD!r}, "awslambdaric"])
"""


def test_a_service_and_what_it_started_are_counted(tmp_path: Path) -> None:
    settings = Settings(Paths(root=tmp_path, state=tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as service:
        assert service.stdout
        service.stdout.readline()  # the child holds its block
        child = Child(pid=service.pid, started=psutil.Process(service.pid).create_time())
        for name, pid in (("localstack", child), ("ended", Child(pid=2**22 - 1, started=0))):
            record = ServiceRecord(title=name, child=pid, port=1, url="", log=tmp_path / "log")
            StateFile(settings.paths.state_file).record(name, record)
        held = held_by(settings)
        service.communicate(b"\n")
    assert (held.processes, held.functions) == (2, 1)
    assert MEGABYTES * 10**6 < held.shared < held.resident
    assert held.resident < MEGABYTES * 10**6 + 100 * 10**6
    assert held_by(settings) == Held()


def test_a_peak_is_the_largest_of_each_number() -> None:
    assert Held(1, 5, 2, 0).peak(Held(3, 4, 2, 1)) == Held(3, 5, 2, 1)
