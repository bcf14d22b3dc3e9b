"""The process of an execution environment: starts, calls, watches and kills it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Literal

import psutil

from evergreen_lambda_executor import interpreter
from evergreen_lambda_executor.runtime_api import Event, Message, RuntimeApi

if TYPE_CHECKING:
    from evergreen_lambda_executor.interpreter import Interpreter

_POLL_SECONDS = 0.05
_LOG_LIMIT = 8 * 1024 * 1024


class ProcessTable:
    """All function processes of LocalStack, so that none can outlive it."""

    def __init__(self) -> None:
        # The kernel sends the parent-death signal when the *thread* that forked ends. So one
        # thread, which lives as long as LocalStack, starts all processes.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="lambda-process-starter")
        self._children: set[subprocess.Popen[bytes]] = set()
        self._closed = False

    def start(
        self, command: list[str], environment: dict[str, str], log: int
    ) -> subprocess.Popen[bytes]:
        """Start a program as the leader of its own process group."""
        return self._starter.submit(self._start, command, environment, log).result()

    def _start(
        self, command: list[str], environment: dict[str, str], log: int
    ) -> subprocess.Popen[bytes]:
        if self._closed:
            raise RuntimeError("LocalStack is stopping; no function starts any more")
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._children.add(child)
        return child

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """Kill a program and everything that it started, and wait for its end."""
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        self._children.discard(child)

    def close(self) -> None:
        """Kill all processes and start no more."""
        self._starter.submit(self._close).result()

    def _close(self) -> None:
        self._closed = True
        for child in list(self._children):
            self.kill(child)


RUNNING = ProcessTable()


@dataclass(frozen=True)
class Launch:
    """Everything that a process is started with; the folders are paths of this machine."""

    interpreter: Interpreter
    handler: str
    code: Path
    opt: Path
    folder: Path
    memory_mb: int


@dataclass(frozen=True)
class Ending:
    """The end of an invocation: the report of the process, or the reason why there is none."""

    kind: Literal["response", "error", "init_error", "exited", "killed", "timed_out"]
    body: bytes = b""
    seconds: float = 0.0


class FunctionProcess:
    """A started function. After any ending except ``response`` and ``error`` it must be stopped."""

    def __init__(self, launch: Launch, variables: dict[str, str]) -> None:
        self._limit_mb = launch.memory_mb
        self._started = time.monotonic()
        self.peak_mb = 0
        self.init_seconds: float | None = None
        self._api = RuntimeApi()
        self._log = os.open(
            launch.folder / "output.log", os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600
        )
        self._read_bytes = 0
        root = launch.folder / "root"
        root.mkdir(exist_ok=True)
        own = [
            (str(launch.code), "/var/task", False),
            (str(launch.opt), "/opt", False),
            (str(launch.folder / "tmp"), "/tmp", True),  # noqa: S108
        ]
        python = launch.interpreter
        plan = {
            "parent": os.getpid(),
            "root": str(root) if python.sandboxed else None,
            "binds": interpreter.binds(python, own),
            "folder": variables["LAMBDA_TASK_ROOT"],
            "command": [str(python.executable), "-s", "-m", "awslambdaric", launch.handler],
        }
        self._child = RUNNING.start(
            [sys.executable, "-I", "-S", str(interpreter.LAUNCHER), json.dumps(plan)],
            variables | {"AWS_LAMBDA_RUNTIME_API": self._api.address},
            self._log,
        )

    def wait_until_ready(self, seconds: float) -> Ending | None:
        """Wait for the end of the initialisation; None if the process is ready for events."""
        answer = self._wait(self._started + seconds)
        if isinstance(answer, Ending):
            return answer
        self.init_seconds = time.monotonic() - self._started
        return None if answer.kind == "ready" else Ending("init_error", answer.body)

    def invoke(self, request_id: str, arn: str, trace: str, payload: bytes, seconds: int) -> Ending:
        """Run the function once on an event, with a timeout in seconds."""
        started = time.monotonic()
        deadline_ms = int((time.time() + seconds) * 1000)
        self._api.send(Event(request_id, arn, trace, deadline_ms, payload))
        answer = self._wait(started + seconds)
        passed = time.monotonic() - started
        if isinstance(answer, Ending):
            return Ending(answer.kind, answer.body, passed)
        return Ending("error" if answer.kind == "error" else "response", answer.body, passed)

    def _wait(self, deadline: float) -> Message | Ending:
        while True:
            try:
                left = max(0.0, deadline - time.monotonic())
                message = self._api.messages.get(timeout=min(_POLL_SECONDS, left))
            except Empty:
                message = None
            if self._measure() > self._limit_mb:
                return Ending("killed")
            if message is None and self._child.poll() is not None:
                with suppress(Empty):  # reported just before it ended
                    message = self._api.messages.get_nowait()
            if message:
                return message
            if self._child.returncode is not None:
                return Ending("exited")
            if time.monotonic() >= deadline:
                return Ending("timed_out")

    def _measure(self) -> int:
        """Return the largest resident size so far, in MB; only Linux provides it."""
        peak = 0
        with suppress(psutil.Error, FileNotFoundError, ProcessLookupError):
            if sys.platform == "linux":
                status = Path(f"/proc/{self._child.pid}/status").read_text()
                peak = int(status.partition("VmHWM:")[2].split()[0]) if "VmHWM:" in status else 0
            else:
                peak = psutil.Process(self._child.pid).memory_info().rss // 1024
        self.peak_mb = max(self.peak_mb, -(-peak // 1024))
        return self.peak_mb

    @property
    def resident_mb(self) -> int:
        """The memory that the process holds now."""
        with suppress(psutil.Error):
            return -(-int(psutil.Process(self._child.pid).memory_info().rss) // 2**20)
        return 0

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._child.poll() is None

    @property
    def exit_reason(self) -> str:
        """The end of the process, in AWS's words."""
        code = self._child.returncode
        if not code:
            return "Runtime exited without providing a reason"
        if code > 0:
            return f"Runtime exited with error: exit status {code}"
        names = {signal.SIGKILL: "killed", signal.SIGSEGV: "segmentation fault"}
        name = names.get(signal.Signals(-code), signal.Signals(-code).name)
        return f"Runtime exited with error: signal: {name}"

    def read_log(self) -> str:
        """Return the output of the process since the last call."""
        size = os.fstat(self._log).st_size
        text = os.pread(self._log, size - self._read_bytes, self._read_bytes)
        self._read_bytes = size
        if size > _LOG_LIMIT:
            os.ftruncate(self._log, 0)
            self._read_bytes = 0
        return text.decode(errors="replace")

    def kill(self) -> None:
        """End the process; its output can still be read."""
        RUNNING.kill(self._child)
        self._api.close()

    def close(self) -> None:
        """Release all resources of a killed process."""
        os.close(self._log)
