"""Building images with buildah, in a chroot: no daemon, no privileges beyond root's, no registry.

Where an image's base cannot be had, a Debian of the same layout takes its place, with Debian's
Python 3.13. The Dockerfile itself is built as it is.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[2]
SUITE = "trixie"
"""The Debian whose Python is 3.13."""

_PACKAGES = "python3,python3-pip,ca-certificates"
_DNF = """#!/bin/sh
# Amazon Linux' installer, for the one package that the Dockerfiles install with it.
set -eu
case "$*" in
  "install -y libgomp")
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends libgomp1 ;;
  "clean all") apt-get clean ;;
  *) echo "no such package here: $*" >&2; exit 1 ;;
esac
"""
_ENTRYPOINT = """#!/bin/sh
# What the entry point of AWS's base image does inside Lambda.
export PYTHONPATH="$LAMBDA_TASK_ROOT:$LAMBDA_RUNTIME_DIR"
cd "$LAMBDA_TASK_ROOT"
exec python -m awslambdaric "$1"
"""
_PIP = """[global]
no-index = true
find-links = /wheels
break-system-packages = true
root-user-action = ignore
[install]
ignore-installed = true
"""
"""Packages come from a folder. Debian's own stay, and those of the locks are found before them."""


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the repository.

    Parameters
    ----------
    name
        Its folder below ``layers``.
    locks
        The locks that it installs.
    """

    name: str
    locks: tuple[str, ...]

    @property
    def file(self) -> Path:
        """Its Dockerfile."""
        return ROOT / "layers" / self.name / "Dockerfile"

    @property
    def base(self) -> str:
        """The base image that its Dockerfile names."""
        [line] = [each for each in self.file.read_text().splitlines() if each.startswith("FROM ")]
        return line.removeprefix("FROM ")


class Workshop:
    """Builds images in a folder of its own, which is deleted at the end.

    Parameters
    ----------
    folder
        Where base, wheels and layers are.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wheels = folder / "wheels"
        self._pip = folder / "pip.conf"
        self._pip.write_text(_PIP)

    @property
    def _with_wheels(self) -> tuple[str, ...]:
        return (
            *("--volume", f"{self._wheels}:/wheels:ro"),
            *("--volume", f"{self._pip}:/etc/pip.conf:ro"),
        )

    def download(self, *locks: str) -> None:
        """Download the packages of locks through this machine's pip, with their hashes."""
        self._wheels.mkdir(exist_ok=True)
        pip = ROOT / ".evergreen" / "bootstrap" / "bin" / "python"
        for lock in locks:
            _run(
                *(str(pip), "-m", "pip", "download", "--quiet", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
                *("--dest", str(self._wheels)),
                *("--requirement", str(ROOT / "requirements" / f"{lock}.lock")),
            )

    def make_base(self, tag: str) -> None:
        """Make the image that takes the place of the bases, from Debian's own packages."""
        tar = self._folder / "base.tar"
        _run(
            "mmdebstrap", "--quiet", "--variant=minbase", f"--include={_PACKAGES}", SUITE, str(tar)
        )
        with self._container("scratch") as container:
            self._buildah("add", "--quiet", container, str(tar), "/")
            tar.unlink()
            self._write(container, "/usr/bin/dnf", _DNF)
            self._write(container, "/lambda-entrypoint.sh", _ENTRYPOINT)
            self.run(container, ["ln", "-s", "python3", "/usr/bin/python"])
            self.run(container, ["mkdir", "-p", "/var/task", "/var/runtime"])
            lock = ROOT / "requirements" / "lambda-runtime.lock"
            self.run(
                container,
                ["python", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
                 "--target", "/var/runtime", "--requirement", "/runtime.lock"],
                ("--volume", f"{lock}:/runtime.lock:ro"),
            )  # fmt: skip
            self._buildah(
                "config",
                *("--env", "LAMBDA_TASK_ROOT=/var/task"),
                *("--env", "LAMBDA_RUNTIME_DIR=/var/runtime"),
                *("--workingdir", "/var/task"),
                container,
            )
            self._buildah("commit", "--quiet", container, tag)

    def build(self, image: Image, base: str | None) -> str:
        """Build an image from its Dockerfile as it is, and return its name.

        Parameters
        ----------
        base
            What takes the place of its base image; None for the base that it names.
        """
        tag = f"evergreen-{image.name}"
        own = image.file.with_name("Dockerfile.dockerignore")
        self._buildah(
            *("build", "--quiet", "--layers=false", *self._with_wheels),
            *(("--from", base) if base else ()),
            *(("--ignorefile", str(own)) if own.exists() else ()),
            *("--tag", tag, "--file", str(image.file), str(ROOT)),
        )
        return tag

    def pull(self, base: str) -> bool:
        """Return whether a base image can be had."""
        try:
            self._buildah("pull", "--quiet", base, seconds=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
        return True

    @contextmanager
    def container(self, tag: str) -> Iterator[str]:
        """Make a container of an image, and delete it and the image at the end."""
        with self._container(tag) as made:
            yield made
        self._buildah("rmi", "--force", tag)

    def run(self, container: str, command: Sequence[str], options: Sequence[str] = ()) -> None:
        """Run a command in a container, with the packages at hand."""
        self._buildah("run", *self._with_wheels, *options, container, "--", *command)

    def start(
        self, container: str, command: Sequence[str], environment: dict[str, str], log: Path
    ) -> subprocess.Popen[bytes]:
        """Start a command in a container as its image's user."""
        variables = [part for item in environment.items() for part in ("--env", "=".join(item))]
        with log.open("wb") as output:
            return subprocess.Popen(
                [*self._program, "run", *variables, container, "--", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=_environment(),
                start_new_session=True,
            )

    def remove(self) -> None:
        """Delete everything."""
        self._buildah("rm", "--all")
        self._buildah("rmi", "--all", "--force")
        shutil.rmtree(self._folder)

    @contextmanager
    def _container(self, source: str) -> Iterator[str]:
        made = self._buildah("from", "--pull-never", source).strip()
        try:
            yield made
        finally:
            self._buildah("rm", made)

    def _write(self, container: str, path: str, text: str) -> None:
        file = self._folder / "written"
        file.write_text(text)
        self._buildah("copy", "--quiet", "--chmod", "0755", container, str(file), path)

    @property
    def _program(self) -> tuple[str, ...]:
        return (
            *("buildah", "--storage-driver", "vfs"),
            *("--root", str(self._folder / "storage"), "--runroot", str(self._folder / "run")),
        )

    def _buildah(self, *arguments: str, seconds: float | None = None) -> str:
        return _run(*self._program, *arguments, seconds=seconds)


def _environment() -> dict[str, str]:
    return {**os.environ, "BUILDAH_ISOLATION": "chroot"}


def _run(*command: str, seconds: float | None = None) -> str:
    done = subprocess.run(
        command,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stdout[-4000:] + done.stderr[-4000:])
        raise subprocess.CalledProcessError(done.returncode, command)
    return done.stdout
