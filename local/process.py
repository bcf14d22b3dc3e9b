"""Background processes: programs that outlive the command that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
from pydantic import BaseModel, ConfigDict

from evergreen.errors import EvergreenError
from local.files import tail

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from threading import Event

_POLL_SECONDS = 0.2
_CLOCK_TOLERANCE_SECONDS = 2.0


class ServiceError(EvergreenError):
    """A service of the local stack did not start, or is not the expected one."""


class CancelledError(EvergreenError):
    """The start was cancelled, by Ctrl-C or because another service failed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start.

    Parameters
    ----------
    arguments
        Program and arguments.
    environment
        The complete environment variables; nothing is inherited.
    folder
        Its working directory.
    log
        File for its output. The log of the previous run is kept next to it as ``.previous``.
    user
        The numeric user and group that it runs as, if not the caller's.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    log: Path
    user: int | None = None


class Child(BaseModel):
    """Handle of a started program: its id and its start time, because ids are reused."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: float
    """Start time in seconds since 1970, as the system reports it."""


def start(command: Command) -> Child:
    """Start a program in its own session, so that Ctrl-C in the terminal does not reach it.

    Raises
    ------
    ServiceError
        If the program cannot be started.
    """
    command.folder.mkdir(parents=True, exist_ok=True)
    command.log.parent.mkdir(parents=True, exist_ok=True)
    if command.log.exists():
        command.log.replace(command.log.with_name(f"{command.log.name}.previous"))
    try:
        with command.log.open("wb") as log:
            child = subprocess.Popen(
                command.arguments,
                env=dict(command.environment),
                cwd=command.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                user=command.user,
                group=command.user,
                extra_groups=None if command.user is None else [],
            )
    except OSError as error:
        raise ServiceError(
            f"cannot start it: {error}", where=command.arguments[0], fix="Run `make setup`"
        ) from error
    # The child is meant to outlive this object; Popen would warn about it.
    child.returncode = 0
    try:
        return Child(pid=child.pid, started=psutil.Process(child.pid).create_time())
    except psutil.NoSuchProcess:
        return Child(pid=child.pid, started=time.time())


def find(child: Child) -> psutil.Process | None:
    """Return the running program, or None if it ended, even if its id was reused."""
    try:
        process = psutil.Process(child.pid)
        if _is_same(process, child) and process.status() != psutil.STATUS_ZOMBIE:
            return process
    except psutil.NoSuchProcess:
        pass  # it has ended
    return None


def wait_until_healthy(
    child: Child,
    healthy: Callable[[], bool],
    *,
    title: str,
    log: Path,
    seconds: float,
    cancelled: Event,
) -> None:
    """Wait until the health check passes.

    Raises
    ------
    ServiceError
        If the program ends, or the time is over. The message quotes the end of its log.
    CancelledError
        If the event is set in the meantime.
    """
    deadline = time.monotonic() + seconds
    while True:
        if cancelled.is_set():
            raise CancelledError("the start was cancelled", where=title)
        if find(child) is None:
            what = "it ended while starting"
            break
        if healthy():
            return
        if time.monotonic() > deadline:
            what = f"it did not become healthy within {seconds:.0f} seconds"
            break
        cancelled.wait(_POLL_SECONDS)
    raise ServiceError(
        f"{what}; the end of its log:\n{tail(log)}\n", where=title, fix=f"The whole log: {log}"
    )


def stop(child: Child, *, politely: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
    """Ask a program to end; kill it and everything that it started if it does not.

    Parameters
    ----------
    child
        The handle.
    politely
        The signal that makes this program end cleanly.
    seconds
        How long it may take to end.
    """
    process = find(child)
    family = _family(child, process)
    if process is not None:
        try:
            process.send_signal(politely)
            process.wait(seconds)
        except (psutil.NoSuchProcess, psutil.TimeoutExpired):
            pass  # it has ended, or does not end: what is left is killed below
        family = [*family, *_family(child, process), process]
    for member in family:
        try:
            member.kill()  # psutil checks that the id still belongs to the same process
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=seconds)


def _family(child: Child, process: psutil.Process | None) -> list[psutil.Process]:
    """Return the processes that the program started and those of its session, without itself.

    A session outlives its leader: the worker of a killed server may still hold its port. The system
    does not reuse the leader's id while the session has members.
    """
    found: list[psutil.Process] = []
    try:
        if not _is_same(psutil.Process(child.pid), child):
            return []  # the id was reused, so the session is gone
        if process is not None:
            found += process.children(recursive=True)
    except psutil.NoSuchProcess:
        pass  # it has ended; others of its session may still run
    for pid in psutil.pids():
        try:
            if pid != child.pid and os.getsid(pid) == child.pid:
                found.append(psutil.Process(pid))
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def _is_same(process: psutil.Process, child: Child) -> bool:
    return bool(abs(process.create_time() - child.started) < _CLOCK_TOLERANCE_SECONDS)
