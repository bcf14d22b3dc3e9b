"""The packages that the series come in: installed into an environment of their own, never run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from local.environments import PythonEnvironment, build_environment
from local.settings import Paths

if TYPE_CHECKING:
    from local.environments import Progress

ROOT = Path(__file__).parents[4]
PATHS = Paths(root=ROOT, state=ROOT / ".evergreen")
# Not among those that `evergreen up` builds: nobody but the benchmark needs it.
SERIES = PythonEnvironment("series", "packages with other people's data")


def prepare(progress: Progress) -> None:
    """Install the packages from their lock, or do nothing if they are up to date.

    Raises
    ------
    EnvironmentBuildError
        If they cannot be installed.
    """
    build_environment(PATHS, SERIES, progress)


def file_of(path: str) -> Path:
    """Return a file of a package, by its path below the folder of all packages.

    Raises
    ------
    FileNotFoundError
        If there is none; :func:`prepare` brings it.
    """
    found = next((PATHS.environments / SERIES.name).glob(f"lib/python*/site-packages/{path}"), None)
    if found is None:
        raise FileNotFoundError(f"{path}: run `make bench-loop`, which installs its package")
    return found
