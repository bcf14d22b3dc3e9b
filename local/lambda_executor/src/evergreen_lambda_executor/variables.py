"""The environment variables of a function: AWS's documented ones and its own, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evergreen_lambda_executor.interpreter import Interpreter


@dataclass(frozen=True)
class Folders:
    """Where a function's process sees its code, its layers and its temporary files."""

    task: Path
    opt: Path
    tmp: Path


def for_child(
    given: Mapping[str, object], own: Mapping[str, str], python: Interpreter, folders: Folders
) -> dict[str, str]:
    """Return the whole environment of a function's process.

    Parameters
    ----------
    given
        What LocalStack computed: region, credentials, names, sizes, endpoint.
    own
        The variables of the function's configuration; they win, but not over reserved names.
    python
        The interpreter that the function runs with.
    folders
        Where the function's process sees its code, layers and temporary files.
    """
    path = [
        str(folders.task),
        str(folders.opt / "python" / "lib" / "python3.13" / "site-packages"),
        str(folders.opt / "python"),
    ]
    documented = {
        name: str(value)
        for name, value in given.items()
        if name.startswith("AWS_") or name in {"TZ", "_HANDLER"}
    }
    defaults = {
        "PATH": f"{python.executable.parent}:/usr/local/bin:/usr/bin:/bin:{folders.opt}/bin",
        "LD_LIBRARY_PATH": f"{folders.task}:{folders.task}/lib:{folders.opt}/lib",
        "LANG": "en_US.UTF-8",
        # AWS sets no HOME and its user has none; unset, `~` would be the developer's folder
        "HOME": "/home/sbx_user1051",
    }
    if not python.sandboxed:
        defaults["TMPDIR"] = str(folders.tmp)
    reserved = {
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "LAMBDA_TASK_ROOT": str(folders.task),
        "LAMBDA_RUNTIME_DIR": str(python.runtime),
        "PYTHONPATH": ":".join(path + ([own["PYTHONPATH"]] if "PYTHONPATH" in own else [])),
    }
    return documented | defaults | dict(own) | reserved
