"""Choice of a function's Python interpreter, and of its sandbox if this machine has one."""

from __future__ import annotations

import functools
import json
import logging
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

LAUNCHER = Path(__file__).with_name("launcher.py")
LOG = logging.getLogger(__name__)

type Bind = tuple[str, str, bool]
"""A bind mount: a folder of this machine, its path in the sandbox, and whether it is writable."""

_ASK = """
import json, pathlib, sys, awslambdaric
runtime = pathlib.Path(awslambdaric.__file__).parent
print(json.dumps([str(runtime), sys.prefix, sys.base_prefix, sys.base_exec_prefix]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python with awslambdaric; ``roots`` are the folders that it needs to run."""

    executable: Path
    runtime: Path
    roots: tuple[Path, ...]
    sandboxed: bool


def for_function(variables: Mapping[str, str], settings: Mapping[str, str]) -> Interpreter:
    """Choose the interpreter of a function from its environment variables.

    Parameters
    ----------
    variables
        The function's variables; ``EVERGREEN_IMAGE`` names the container image that it has on AWS.
    settings
        LocalStack's variables: ``EVERGREEN_LAMBDA_PYTHON``, ``EVERGREEN_LAMBDA_IMAGES``.

    Raises
    ------
    RuntimeError
        If the setting is missing, or does not name a Python with awslambdaric.
    """
    image = variables.get("EVERGREEN_IMAGE")
    setting = "EVERGREEN_LAMBDA_IMAGES" if image else "EVERGREEN_LAMBDA_PYTHON"
    if not settings.get(setting):
        raise RuntimeError(f"LocalStack was started without {setting}, which functions run with")
    path = Path(settings[setting])
    if image:
        if image != Path(image).name:
            raise RuntimeError(f"EVERGREEN_IMAGE is {image!r}; it must be the name of an image")
        path = path / image / "bin" / "python"
    return inspect(path.absolute())


@functools.cache
def inspect(executable: Path) -> Interpreter:
    """Ask an interpreter for the folders that it needs, and test once whether the sandbox works."""
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _ASK], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", "") or error
        raise RuntimeError(f"{executable} cannot run functions: {reason}") from error
    runtime, *prefixes = map(Path, json.loads(answer.stdout))
    prefixes.append(executable.resolve().parent.parent)
    roots: list[Path] = []
    for prefix in sorted(prefixes):
        if len(prefix.parts) > 1 and not any(map(prefix.is_relative_to, [*roots, Path("/usr")])):
            roots.append(prefix)
    found = Interpreter(executable, runtime, tuple(roots), sandboxed=False)
    return Interpreter(executable, runtime, tuple(roots), sandboxed=_can_be_sandboxed(found))


def binds(interpreter: Interpreter, own: list[Bind]) -> list[Bind]:
    """Return all bind mounts of a sandbox: the function's, the interpreter's, the resolver's."""
    resolver = Path("/etc/resolv.conf").resolve()
    outside = [] if resolver.is_relative_to("/etc") or not resolver.exists() else [resolver]
    return own + [(str(path), str(path), False) for path in (*interpreter.roots, *outside)]


def _can_be_sandboxed(interpreter: Interpreter) -> bool:
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as empty:
        places = [(empty, "/var/task", False), (empty, "/opt", False), (empty, "/tmp", True)]  # noqa: S108
        plan = {
            "parent": os.getpid(),
            "root": root,
            "binds": binds(interpreter, places),
            "folder": "/var/task",
            "command": [str(interpreter.executable), "-c", "import awslambdaric"],
        }
        answer = subprocess.run(
            [sys.executable, "-I", "-S", LAUNCHER, json.dumps(plan)],
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode:
        LOG.warning(
            "No mount namespaces here: functions see the paths of this machine instead of "
            "/var/task, /opt and a /tmp of their own. %s",
            answer.stderr.strip().rpartition("\n")[2],
        )
    return answer.returncode == 0
