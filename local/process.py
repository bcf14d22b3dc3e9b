"""Programs that outlive the command that started them, and that only their handle can stop."""

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
    """A service of the local stack would not start, or is not what it should be."""


class CancelledError(EvergreenError):
    """The start was called off from outside, by Ctrl-C or because another service failed."""


@dataclass(frozen=True, slots=True)
class Command:
    """A program to start.

    Parameters
    ----------
    arguments
        Program and arguments.
    environment
        The complete environment; nothing is inherited.
    folder
        Its working directory.
    log
        Where its output goes; the log of the run before is kept beside it as ``.previous``.
    user
        The numeric user and group to become, if not the caller's.
    """

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    log: Path
    user: int | None = None


class Child(BaseModel):
    """Handle of a started program: its id alone could be another program's by tomorrow."""

    model_config = ConfigDict(frozen=True)

    pid: int
    started: float
    """Start time in seconds since 1970, as the system tells it."""


def start(command: Command) -> Child:
    """Start a program in a session of its own, so that Ctrl-C in the terminal does not reach it.

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
    # That the child outlives this object is the point; Popen would warn about it.
    child.returncode = 0
    try:
        return Child(pid=child.pid, started=psutil.Process(child.pid).create_time())
    except psutil.NoSuchProcess:
        return Child(pid=child.pid, started=time.time())


def find(child: Child) -> psutil.Process | None:
    """Return the running program, or None if it ended (its id may belong to another by now)."""
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
    """Return once the health check passes.

    Raises
    ------
    ServiceError
        If the program ends, or the time is over; the message quotes the end of its log.
    CancelledError
        If the event was set meanwhile.
    """
    deadline = time.monotonic() + seconds
    while True:
        if cancelled.is_set():
            raise CancelledError("the start was called off", where=title)
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
    """Ask a program to end, and end it with everything it started if it does not.

    Parameters
    ----------
    child
        The handle.
    politely
        The signal by which this program ends in order.
    seconds
        How long it may take over that.
    """
    process = find(child)
    family = _family(child, process)
    if process is not None:
        try:
            process.send_signal(politely)
            process.wait(seconds)
        except (psutil.NoSuchProcess, psutil.TimeoutExpired):
            pass  # it has ended, or will not: what is left is killed below
        family = [*family, *_family(child, process), process]
    for member in family:
        try:
            member.kill()  # psutil makes sure that the id still means the same process
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(family, timeout=seconds)


def _family(child: Child, process: psutil.Process | None) -> list[psutil.Process]:
    """Return what the program started and what still runs in its session, itself excluded.

    A session outlives its leader: the worker of a server that was killed keeps its port. The
    system gives the leader's id to no other process while the session has members.
    """
    found: list[psutil.Process] = []
    try:
        if not _is_same(psutil.Process(child.pid), child):
            return []  # the id was given away, so the session is gone
        if process is not None:
            found += process.children(recursive=True)
    except psutil.NoSuchProcess:
        pass  # it has ended; others of its session may live
    for pid in psutil.pids():
        try:
            if pid != child.pid and os.getsid(pid) == child.pid:
                found.append(psutil.Process(pid))
        except (OSError, psutil.NoSuchProcess):
            continue
    return found


def _is_same(process: psutil.Process, child: Child) -> bool:
    return bool(abs(process.create_time() - child.started) < _CLOCK_TOLERANCE_SECONDS)
