"""Environment variables of a function: only AWS's documented ones and its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evergreen_lambda_executor.interpreter import Interpreter


@dataclass(frozen=True)
class Folders:
    """Paths of the code, the layers and the temporary files, as a function's process sees them."""

    task: Path
    opt: Path
    tmp: Path


def for_child(
    given: Mapping[str, object], own: Mapping[str, str], python: Interpreter, folders: Folders
) -> dict[str, str]:
    """Return all environment variables of a function's process.

    Parameters
    ----------
    given
        Variables from LocalStack: region, credentials, names, sizes, endpoint.
    own
        Variables of the function's configuration. They take precedence, except for reserved names.
    python
        The interpreter that the function runs with.
    folders
        Paths of its code, layers and temporary files, as the function's process sees them.
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
        # AWS sets no HOME; without this `~` would be the developer's folder
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
