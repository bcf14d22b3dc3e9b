"""Virtual environments of the local services and functions, each built from its lock."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from uv import find_uv_bin

from evergreen.errors import EvergreenError
from evergreen.model_definition.packages import MODELS_LOCK
from local.files import exclusive, tail, write_whole
from local.process import CancelledError

if TYPE_CHECKING:
    from threading import Event

    from local.settings import Paths

Progress = Callable[[str, str], None]
"""Callback for progress: the subject (an environment or a service) and what happens to it."""


class EnvironmentBuildError(EvergreenError):
    """A virtual environment could not be built from its lock."""


@dataclass(frozen=True, slots=True)
class PythonEnvironment:
    """One virtual environment.

    Parameters
    ----------
    name
        Name of its folder and of its lock.
    purpose
        Its purpose in a few words, for progress messages.
    packages
        Folders of packages of ours that are installed in addition to the lock.
    models
        Whether it also has the packages that models bring.
    warmed
        Packages, found from the repository, whose imports are compiled when it is installed. A
        function cannot write beside its interpreter, so each cold start would compile them again.
        Elsewhere the first import compiles what it needs. Most of the 24,000 modules of an
        environment are never imported.
    """

    name: str
    purpose: str
    packages: tuple[str, ...] = ()
    models: bool = False
    warmed: tuple[str, ...] = ()


_OURS = ("evergreen", "functions")
ENVIRONMENTS = (
    PythonEnvironment(
        "localstack",
        "LocalStack with our Lambda executor, Firehose buffers, kept state and strictness",
        (
            *("local/lambda_executor", "local/firehose_buffer", "local/strict_localstack"),
            *("local/athena_states", "local/kept_state"),
        ),
    ),
    PythonEnvironment("services", "MLflow server and PostgreSQL"),
    PythonEnvironment(
        "lambda-runtime", "the packages of AWS's Lambda runtime", warmed=("awslambdaric",)
    ),
    PythonEnvironment("training", "the training image's environment", models=True, warmed=_OURS),
    PythonEnvironment("drift", "the drift image's environment", warmed=_OURS),
)


TRAINING = next(each for each in ENVIRONMENTS if each.models)
"""The environment in which models are trained, here as on AWS."""

OF_IMAGES = tuple(each for each in ENVIRONMENTS if each.warmed == _OURS)
"""The environments that stand for the images: no service needs them to start."""
OF_SERVICES = tuple(each for each in ENVIRONMENTS if each not in OF_IMAGES)

_POLL_SECONDS = 0.2


def build_all(paths: Paths, progress: Progress) -> None:
    """Build every environment that is missing or older than its lock.

    Raises
    ------
    EnvironmentBuildError
        If one cannot be built. The message quotes the end of the log.
    """
    for environment in ENVIRONMENTS:
        build_environment(paths, environment, progress)


def build_environment(
    paths: Paths,
    environment: PythonEnvironment,
    progress: Progress,
    cancelled: Event | None = None,
) -> None:
    """Build one environment, or do nothing if it is up to date.

    An interrupted build starts again from nothing. A changed lock is applied to the existing
    environment.

    Parameters
    ----------
    cancelled
        Ends the build when it is set: Ctrl-C reaches only the main thread.

    Raises
    ------
    EnvironmentBuildError
        If it cannot be built.
    CancelledError
        If it was cancelled.
    """
    folder = paths.environments / environment.name
    stamp = folder / ".done"
    wanted = environment_fingerprint(paths, environment)
    if _is(stamp, wanted):
        return

    def say_waiting() -> None:
        progress(environment.name, "waiting for another command that builds it")

    with exclusive(paths.environments / f".{environment.name}.lock", say_waiting):
        if _is(stamp, wanted):
            return
        progress(environment.name, f"installing {environment.purpose}")
        if folder.exists() and not stamp.exists():
            shutil.rmtree(folder)  # interrupted: uv may take a half-installed package for complete
        stamp.unlink(missing_ok=True)
        log = paths.root / ".evergreen" / "logs" / f"environment-{environment.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            _install(_Build(paths, environment, output, cancelled), folder)
        write_whole(stamp, wanted)


def environment_fingerprint(paths: Paths, environment: PythonEnvironment) -> str:
    """Return a hash of everything that an environment is built from."""
    digest = hashlib.sha256(sys.version.encode())
    for lock in _locks(paths, environment):
        digest.update(lock.read_bytes())
    for package in environment.packages:
        for file in _sources(paths.root / package):
            digest.update(file.relative_to(paths.root).as_posix().encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Build:
    """One build of an environment: runs its programs, and ends them if it is cancelled."""

    paths: Paths
    environment: PythonEnvironment
    log: IO[bytes]
    cancelled: Event | None

    def uv(self, *arguments: str) -> None:
        settings = ("UV_COMPILE_BYTECODE=0", "UV_PYTHON_DOWNLOADS=never", "UV_NO_PROGRESS=1")
        self.run("/usr/bin/env", *settings, find_uv_bin(), *arguments)

    def run(self, *command: str) -> None:
        self.log.write(f"$ {' '.join(command)}\n".encode())
        self.log.flush()
        with subprocess.Popen(
            command,
            cwd=self.paths.root,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        ) as process:
            try:
                while process.poll() is None:
                    self._check(process)
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            file = Path(self.log.name)
            raise EnvironmentBuildError(
                f"`{' '.join(command)}` failed; the end of its log:\n{tail(file)}\n",
                where=f"environment {self.environment.name}",
                fix=f"The whole log: {file}. Remove the cause and run the command again",
            )

    def _check(self, process: subprocess.Popen[bytes]) -> None:
        if self.cancelled is not None and self.cancelled.is_set():
            raise CancelledError("the build was cancelled", where=self.environment.name)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_POLL_SECONDS)


def _install(build: _Build, folder: Path) -> None:
    paths, environment, uv = build.paths, build.environment, build.uv
    python = str(folder / "bin" / "python")
    locks = [str(lock) for lock in _locks(paths, environment)]
    uv("venv", "--allow-existing", "--python", sys.executable, str(folder))
    uv("pip", "sync", "--require-hashes", "--python", python, *locks)
    if environment.packages:
        # hatchling comes from this interpreter's environment, so no build tool is downloaded.
        wheels = paths.environments / f".{environment.name}.wheels"
        shutil.rmtree(wheels, ignore_errors=True)
        for package in environment.packages:
            uv(
                *("build", "--wheel", "--no-build-isolation", "--python", sys.executable),
                *("--out-dir", str(wheels), package),
            )
        built = [str(wheel) for wheel in sorted(wheels.glob("*.whl"))]
        uv("pip", "install", "--no-deps", "--offline", "--reinstall", "--python", python, *built)
    if environment.warmed:
        ours = f"PYTHONPATH={paths.root}:{paths.root / 'layers/evergreen/python'}"
        # -P keeps the modules beside this one from being found by the names of others.
        command = [python, "-P", str(Path(__file__).with_name("import_all.py"))]
        settings = ["/usr/bin/env", "-u", "PYTHONDONTWRITEBYTECODE", ours]
        build.run(*settings, *command, *environment.warmed)


def _locks(paths: Paths, environment: PythonEnvironment) -> list[Path]:
    own = paths.requirements / f"{environment.name}.lock"
    return [own, paths.requirements / MODELS_LOCK] if environment.models else [own]


def _sources(package: Path) -> list[Path]:
    return sorted([package / "pyproject.toml", *(package / "src").rglob("*.py")])


def _is(stamp: Path, wanted: str) -> bool:
    return stamp.exists() and stamp.read_text() == wanted


if __name__ == "__main__":
    from local.settings import read_settings

    build_all(read_settings().paths, lambda name, what: print(f"{name}: {what}"))  # noqa: T201
