"""Environments built by the real uv, from locks that need no network."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING

import pytest

from local.environments import (
    EnvironmentBuildError,
    Progress,
    PythonEnvironment,
    build_environment,
    environment_fingerprint,
)
from local.process import CancelledError
from local.settings import Paths

if TYPE_CHECKING:
    from pathlib import Path

EMPTY = PythonEnvironment("empty", "nothing")
PACKAGED = PythonEnvironment("packaged", "a package", packages=("package",))


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    (tmp_path / "requirements").mkdir()
    for environment in (EMPTY, PACKAGED):
        (tmp_path / "requirements" / f"{environment.name}.lock").write_text("# nothing\n")
    package = tmp_path / "package" / "src" / "tiny"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("ANSWER = 1\n")
    (tmp_path / "package" / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "tiny"\nversion = "1"\n'
        '[tool.hatch.build.targets.wheel]\npackages = ["src/tiny"]\n'
    )
    return Paths(root=tmp_path, state=tmp_path / "state")


@pytest.fixture
def said() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def progress(said: list[tuple[str, str]]) -> Progress:
    return lambda subject, what: said.append((subject, what))


def answer(paths: Paths) -> str:
    done = subprocess.run(
        [paths.python("packaged"), "-c", "import tiny; print(tiny.ANSWER)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_environment_is_built_once(
    paths: Paths, progress: Progress, said: list[tuple[str, str]]
) -> None:
    build_environment(paths, EMPTY, progress)
    assert said == [("empty", "installing nothing")]
    assert paths.python("empty").exists()
    build_environment(paths, EMPTY, progress)
    assert len(said) == 1


def test_what_our_packages_import_is_compiled_and_nothing_else(
    paths: Paths, progress: Progress
) -> None:
    (paths.root / "package/src/tiny/used.py").write_text("")
    (paths.root / "package/src/tiny/unused.py").write_text("")
    ours = paths.root / "ours"
    ours.mkdir()
    (ours / "__init__.py").touch()
    (ours / "broken.py").write_text("import tiny.used\nraise SystemError\n")
    build_environment(paths, replace(PACKAGED, warmed=("ours",)), progress)
    [installed] = (paths.environments / "packaged").rglob("tiny/used.py")
    compiled = {file.name.split(".")[0] for file in installed.parent.rglob("*.pyc")}
    assert compiled == {"__init__", "used"}


def test_interrupted_build_is_begun_anew(
    paths: Paths, progress: Progress, said: list[tuple[str, str]]
) -> None:
    build_environment(paths, EMPTY, progress)
    folder = paths.environments / "empty"
    (folder / ".done").unlink()
    (folder / "half-installed").touch()
    build_environment(paths, EMPTY, progress)
    assert len(said) == 2
    assert not (folder / "half-installed").exists()
    assert paths.python("empty").exists()


def test_cancelled_build_ends_and_leaves_no_stamp(paths: Paths, progress: Progress) -> None:
    cancelled = Event()
    cancelled.set()
    with pytest.raises(CancelledError, match="the build was cancelled"):
        build_environment(paths, EMPTY, progress, cancelled)
    assert not (paths.environments / "empty" / ".done").exists()
    build_environment(paths, EMPTY, progress, Event())
    assert paths.python("empty").exists()


def test_package_is_installed_and_follows_its_sources(paths: Paths, progress: Progress) -> None:
    build_environment(paths, PACKAGED, progress)
    assert answer(paths) == "1"
    (paths.root / "package" / "src" / "tiny" / "__init__.py").write_text("ANSWER = 2\n")
    build_environment(paths, PACKAGED, progress)
    assert answer(paths) == "2"


def test_lock_decides_the_fingerprint(paths: Paths) -> None:
    before = environment_fingerprint(paths, EMPTY)
    assert environment_fingerprint(paths, EMPTY) == before
    (paths.requirements / "empty.lock").write_text("# something\n")
    assert environment_fingerprint(paths, EMPTY) != before


def test_failure_quotes_uv_and_leaves_no_stamp(paths: Paths, progress: Progress) -> None:
    (paths.requirements / "empty.lock").write_text("without-a-hash==1\n")
    with pytest.raises(EnvironmentBuildError, match=r"(?s)environment empty.*hash.*whole log: /"):
        build_environment(paths, EMPTY, progress)
    (paths.requirements / "empty.lock").write_text("# nothing\n")
    build_environment(paths, EMPTY, progress)
    assert paths.python("empty").exists()
