"""The program cdk: runs it for a deployment, with its output in a log, and ends it when asked."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

APP_FOLDER = Path(__file__).resolve().parents[2]
_TAIL_LINES = 25
_SECONDS_TO_END = 5


class DeploymentError(EvergreenError):
    """cdk ended with an error."""


def run_cdk(
    environment: Mapping[str, str],
    arguments: list[str],
    log: Path,
    on_line: Callable[[str], None],
    *,
    folder: Path | None = None,
) -> None:
    """Run cdk to its end; its output is added to a log.

    Parameters
    ----------
    environment
        Variables of the deployment; they override those of this process.
    arguments
        Its command and options.
    on_line
        Called with each line of output.
    folder
        Where it runs: by default in the repository, where it finds the app.

    Raises
    ------
    DeploymentError
        If it fails; with the end of its output and the path of the log.
    """
    with _started(environment, arguments, subprocess.PIPE, folder) as process:
        assert process.stdout is not None
        try:
            with log.open("ab") as file:
                for line in process.stdout:
                    file.write(line)
                    file.flush()
                    on_line(line.decode(errors="replace"))
        except BaseException:
            _end(process)
            raise
    if process.returncode:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])
        raise DeploymentError(
            f"cdk {arguments[0]} failed:\n{tail}\n", where="deploy", fix=f"Read the log: {log}"
        )


@dataclass(slots=True)
class EarlySynthesis:
    """Writes the app's templates while something else is done, for a deployment that follows.

    Parameters
    ----------
    folder
        For the templates; the log is beside it. An interrupted command ends cdk too.
    """

    folder: Path
    _context: Mapping[str, str] = field(default_factory=dict)
    _process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            _end(self._process)
        self._process.wait()

    def begin(self, environment: Mapping[str, str], context: Mapping[str, str]) -> None:
        """Start cdk and return at once."""
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self._context = dict(context)
        arguments = ["synth", "--quiet", "--output", str(self.folder), *context_options(context)]
        with self.folder.with_suffix(".log").open("wb") as log:
            self._process = _started(environment, arguments, log)

    def templates_for(self, context: Mapping[str, str]) -> Path | None:
        """Wait for cdk; return the folder, or None if it has no templates for this context."""
        if self._process is None or self._context != context:
            return None
        return None if self._process.wait() else self.folder


def context_options(context: Mapping[str, str]) -> list[str]:
    """Return the options of cdk that give it a context."""
    return [part for key, value in context.items() for part in ("--context", f"{key}={value}")]


def _started(
    environment: Mapping[str, str],
    arguments: list[str],
    output: int | IO[bytes],
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    program = APP_FOLDER / "node_modules" / ".bin" / "cdk"
    if not program.exists():
        raise DeploymentError("cdk is not installed", where=str(program), fix="Run `make setup`")
    path = f"{APP_FOLDER / '.venv' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    variables = {**os.environ, **environment, "PATH": path, "CDK_DISABLE_CLI_TELEMETRY": "1"}
    return subprocess.Popen(
        [program, *arguments, "--no-notices", "--no-color", "--ci"],
        cwd=folder or APP_FOLDER,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """End cdk with every process it started: it runs in a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        pass  # it gets SIGKILL like those of its processes that are left
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
