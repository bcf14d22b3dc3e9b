"""Programs of an image, run in its file system: handlers by the Runtime API, servers by HTTP."""

from __future__ import annotations

import json
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass
from queue import Empty
from typing import TYPE_CHECKING, Any

import httpx
import psutil

from evergreen_lambda_executor.runtime_api import Event, Message, RuntimeApi
from local.ports import HOST, pick
from tests.images.building import ROOT

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.images.building import Workshop

PATIENCE = 300.0
"""Seconds for a start, and for an answer."""


class ImageError(AssertionError):
    """An image does not do what it is for."""


class _QuietApi(RuntimeApi):
    """Says nothing of a handler that was ended while it waited for its next event."""

    def handle_error(self, *_: object) -> None:
        """Do nothing."""


@dataclass(frozen=True, slots=True)
class Program:
    """What runs programs of one container.

    Parameters
    ----------
    workshop, container
        Where it is.
    environment
        The variables of its functions.
    log
        The output of its programs.
    """

    workshop: Workshop
    container: str
    environment: dict[str, str]
    log: Path

    def install(self, lock: str) -> None:
        """Install a lock's packages beside those of the image, in this container only."""
        file = ROOT / "requirements" / f"{lock}.lock"
        install = "python -m pip install --quiet --no-deps --require-hashes"
        where = '--target "$LAMBDA_TASK_ROOT" --requirement /more.lock'
        options = ("--volume", f"{file}:/more.lock:ro")
        self.workshop.run(self.container, ["sh", "-c", f"{install} {where}"], options)

    def invoke(self, folder: str, event: Any) -> Message:
        """Start the handler of a function as Lambda does, send an event, and return the answer."""
        handler = f"functions.{folder}.handler.handler"
        api = _QuietApi()
        variables = self.environment | {
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": folder,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "POWERTOOLS_SERVICE_NAME": folder,
        }
        api.send(
            Event(
                request_id=str(uuid.uuid4()),
                arn=f"arn:aws:lambda:us-east-1:000000000000:function:{folder}",
                trace_id="",
                deadline_ms=int((time.time() + PATIENCE) * 1000),
                payload=json.dumps(event).encode(),
            )
        )
        command = ["/lambda-entrypoint.sh", handler]
        try:
            with self._running(command, variables):
                return self._answer(api, folder)
        finally:
            api.close()

    @contextmanager
    def serve(self, command: list[str], environment: dict[str, str], health: str) -> Iterator[str]:
        """Start a server on a free port, wait for its health, and yield its URL."""
        port = pick(None)
        url = f"http://{HOST}:{port}"
        ports = {"HOST": HOST, "PORT": str(port), "EVERGREEN_PORT": str(port)}
        with self._running(command, environment | ports) as child:
            until = time.monotonic() + PATIENCE
            while not _is_healthy(f"{url}{health}"):
                if child.poll() is not None or time.monotonic() > until:
                    raise ImageError(f"no answer of {health}: {self._tail()}")
                time.sleep(0.5)
            yield url

    @contextmanager
    def _running(
        self, command: list[str], environment: dict[str, str]
    ) -> Iterator[subprocess.Popen[bytes]]:
        child = self.workshop.start(self.container, command, environment, self.log)
        try:
            yield child
        finally:
            family = psutil.Process(child.pid).children(recursive=True)
            child.terminate()
            for each in family:
                try:
                    each.kill()
                except psutil.NoSuchProcess:
                    continue
            child.wait(30)

    def _answer(self, api: RuntimeApi, folder: str) -> Message:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            try:
                message = api.messages.get(timeout=1)
            except Empty:
                continue
            if message.kind == "init_error":
                raise ImageError(f"{folder} cannot be imported: {message.body.decode()}")
            if message.kind != "ready":
                return message
        raise ImageError(f"{folder} does not answer: {self._tail()}")

    def _tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]


def _is_healthy(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).is_success
    except httpx.HTTPError:
        return False
