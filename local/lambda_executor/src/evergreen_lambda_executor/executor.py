"""The Lambda executor: LocalStack makes one per execution environment of a function version."""

from __future__ import annotations

import json
import logging
import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from localstack import config
from localstack.aws.api.lambda_ import TooManyRequestsException
from localstack.services.lambda_.invocation.lambda_models import FunctionVersion, InvocationResult
from localstack.services.lambda_.invocation.runtime_executor import RuntimeExecutor

from evergreen_lambda_executor import interpreter, layers, report, variables
from evergreen_lambda_executor.metrics import WRITER
from evergreen_lambda_executor.process import Ending, FunctionProcess, Launch
from evergreen_lambda_executor.room import ROOM, NoRoomError
from evergreen_lambda_executor.schedules import RUNS

if TYPE_CHECKING:
    from collections.abc import Mapping

LOG = logging.getLogger(__name__)
_ADDRESS = "127.0.0.1"


class ProcessExecutor(RuntimeExecutor):  # type: ignore[misc]
    """Runs one execution environment as a process, and restarts it after it died."""

    def __init__(self, id: str, function_version: FunctionVersion) -> None:  # noqa: A002
        super().__init__(id=id, function_version=function_version)
        self._folder = layers.instance_folder() / "environments" / id
        self._given: Mapping[str, object] = {}
        self._process: FunctionProcess | None = None
        self._lock = threading.Lock()
        self._busy = False
        self._stopped = False

    @classmethod
    def prepare_version(cls, function_version: FunctionVersion) -> None:
        """Unpack code and layers and check the interpreter; an error makes the version Failed."""
        settings = function_version.config
        settings.code.prepare_for_execution()
        _opt_folder(function_version)
        interpreter.for_function(settings.environment or {}, os.environ)

    @classmethod
    def cleanup_version(cls, function_version: FunctionVersion) -> None:
        """Do nothing: processes end with their environments, and LocalStack deletes the code."""

    def start(self, env_vars: Mapping[str, object]) -> None:
        """Prepare the environment; the first invocation starts the process, when it has room."""
        self._given = env_vars
        (self._folder / "tmp").mkdir(parents=True)

    def stop(self) -> None:
        """End the environment; a running invocation ends first, as on AWS."""
        with self._lock:
            self._stopped = True
            if not self._busy:
                self._clean_up()
        ROOM.forget(self)

    def invoke(self, payload: dict[str, str]) -> InvocationResult:
        """Run the function once; return its response and the log of this invocation.

        Raises
        ------
        TooManyRequestsException
            If functions use all the memory; LocalStack tries asynchronous calls again.
        """
        try:
            with ROOM.of(self, self.function_version.config.memory_size):
                result = self._run(payload)
        except NoRoomError as error:
            LOG.warning("%s is throttled: %s", self.function_version.id.function_name, error)
            raise TooManyRequestsException(
                "Rate Exceeded.", Reason="ConcurrentInvocationLimitExceeded", Type="User"
            ) from error
        if self._stopped:
            ROOM.forget(self)
        RUNS.end(payload["invoke-id"])
        return result

    def evict(self) -> bool:
        """End the process unless it runs the function; the next invocation starts another."""
        with self._lock:
            if self._busy:
                return False
            if self._process:
                self._discard(self._process)
            return True

    def resident_mb(self) -> int:
        """Return the memory that the process holds."""
        process = self._process
        return process.resident_mb if process else 0

    def _run(self, payload: dict[str, str]) -> InvocationResult:
        with self._lock:
            self._busy = True
        try:
            return self._invoke(payload)
        finally:
            with self._lock:
                self._busy = False
                if self._stopped:
                    self._clean_up()

    def get_address(self) -> str:
        """Return the address of the environment: this machine."""
        return _ADDRESS

    def get_endpoint_from_executor(self) -> str:
        """Return the host name under which functions reach LocalStack."""
        return _ADDRESS

    def get_runtime_endpoint(self) -> str:
        """Return nothing: it is for LocalStack's own init program, which is not used."""
        return ""

    def get_logs(self) -> str:
        """Return the output of the process that no invocation has read yet."""
        return self._process.read_log() if self._process else ""

    def _launch(self) -> FunctionProcess:
        settings = self.function_version.config
        own = settings.environment or {}
        python = interpreter.for_function(own, os.environ)
        launch = Launch(
            interpreter=python,
            handler=settings.handler,
            code=Path(settings.code.get_unzipped_code_location()),
            opt=_opt_folder(self.function_version),
            folder=self._folder,
            memory_mb=settings.memory_size,
        )
        seen = variables.Folders(launch.code, launch.opt, self._folder / "tmp")
        if python.sandboxed:
            seen = variables.Folders(Path("/var/task"), Path("/opt"), Path("/tmp"))  # noqa: S108
        return FunctionProcess(launch, variables.for_child(self._given, own, python, seen))

    def _invoke(self, payload: dict[str, str]) -> InvocationResult:
        settings = self.function_version.config
        call = report.Call(
            request_id=payload["invoke-id"],
            version=self.function_version.id.qualifier,
            timeout=settings.timeout,
            memory_mb=settings.memory_size,
        )
        process = self._process
        if process and process.init_seconds is not None and not process.alive:
            self._discard(process)  # it died between invocations; AWS restarts it too
            process = None
        if process is None:
            process = self._process = self._launch()
        cold = process.init_seconds is None
        ending = None
        if cold:
            ending = process.wait_until_ready(config.LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT)
        before = process.read_log()
        if ending is None:
            ending = process.invoke(
                call.request_id,
                payload["invoked-function-arn"],
                payload["trace-id"],
                payload["payload"].encode(),
                call.timeout,
            )
        if ending.kind not in {"response", "error"}:
            process.kill()
            if ending.kind != "init_error":
                body = report.error_body(call, ending, process.exit_reason)
                ending = replace(ending, body=body)
        ending = _within_limit(ending)
        output = (before, process.read_log())
        where = self.function_version.id
        WRITER.take(where.account, where.region, "".join(output).split("\n"))
        log = report.log_text(
            call,
            ending,
            output,
            process.peak_mb,
            process.init_seconds if cold else None,
        )
        if not process.alive:
            self._discard(process)
        return InvocationResult(
            call.request_id, ending.body, is_error=ending.kind != "response", logs=log
        )

    def _discard(self, process: FunctionProcess) -> None:
        process.kill()
        process.close()
        self._process = None

    def _clean_up(self) -> None:
        if self._process:
            self._discard(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)


def _opt_folder(function_version: FunctionVersion) -> Path:
    codes = [layer.code for layer in function_version.config.layers]
    for code in codes:
        code.prepare_for_execution()
    return layers.opt_folder([Path(code.get_unzipped_code_location()) for code in codes])


def _within_limit(ending: Ending) -> Ending:
    limit = config.LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES
    if len(ending.body) <= limit:
        return ending
    fault = {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        f"({limit} bytes).",
    }
    return replace(ending, kind="error", body=json.dumps(fault).encode())
