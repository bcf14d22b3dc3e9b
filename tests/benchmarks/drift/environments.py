"""The two environments that detectors run in, and how a process is started in one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from local.environments import ENVIRONMENTS, Progress, PythonEnvironment, build_environment
from local.settings import Paths

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".evergreen" / "bench"
PATHS = Paths(root=ROOT, state=ROOT / ".evergreen")
# Not among those that `evergreen up` builds: nobody but the benchmark needs it.
PEERS = PythonEnvironment("bench", "the drift benchmark's peers")


def prepare(progress: Progress) -> None:
    """Build both environments from their locks, or do nothing if they are up to date.

    Raises
    ------
    EnvironmentBuildError
        If one cannot be built.
    """
    shipped = next(item for item in ENVIRONMENTS if item.name == "drift")
    for environment in (shipped, PEERS):
        build_environment(PATHS, environment, progress)


def command(environment: str, module: str, *arguments: str) -> list[str]:
    """Return the command line of one of the benchmark's modules."""
    python = str(PATHS.python(environment))
    return [python, "-W", "ignore", "-m", f"tests.benchmarks.drift.{module}", *arguments]


def variables(*, threads: int | None = None) -> dict[str, str]:
    """Return what such a process finds in its environment; no peer may report to its makers."""
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(FOLDER),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "evergreen" / "python")]),
        "OMP_WAIT_POLICY": "PASSIVE",
        "DO_NOT_TRACK": "1",
        "NML_DISABLE_USAGE_LOGGING": "1",
    }
    if threads is not None:
        found["OMP_NUM_THREADS"] = str(threads)
    return found


def fingerprint() -> str:
    """Name the code and the locks that a result depends on: with others it is not reused."""
    library = ROOT / "layers" / "evergreen" / "python" / "evergreen"
    digest = hashlib.sha256()
    for file in (
        *sorted((library / "drift" / "detectors").glob("*.py")),
        library / "drift" / "policy" / "decision.py",
        *(PATHS.requirements / f"{name}.lock" for name in ("drift", "bench")),
        *sorted(Path(__file__).parent.rglob("*.py")),
    ):
        if file.name not in {"report.py", "__main__.py"}:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
