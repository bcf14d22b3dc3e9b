"""Run the commands of the how-to in a copy of the repository, with a stack of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.how_to.page import ROOT, commands

LINKED = (".venv", "node_modules", ".evergreen/environments", ".evergreen/build")
"""What takes minutes to build. Each has its content in its name, or follows a lock."""


def main() -> int:
    """Run each command, show how long it took, and stop the stack whatever happens."""
    with tempfile.TemporaryDirectory(prefix="evergreen-how-to-") as scratch:
        clone = Path(scratch) / "evergreen"
        copy_repository(clone)
        # The programs of .venv would import the repository that it was made in.
        path = os.pathsep.join([str(clone), str(clone / "layers" / "evergreen" / "python")])
        environment = {**os.environ, "PYTHONPATH": path}
        script = ["set -euo pipefail", "cd " + str(clone)]
        for command in commands():
            script += [f'echo; echo "[$SECONDS s] $" {_quoted(command)}', command]
        script.append('echo; echo "done after $SECONDS s"')
        began = time.monotonic()
        try:
            done = subprocess.run(["bash", "-c", "\n".join(script)], env=environment, check=False)
        finally:
            program = clone / ".venv" / "bin" / "evergreen"
            subprocess.run([program, "down", "--clean"], cwd=clone, env=environment, check=False)
        took = time.monotonic() - began
        print(f"{'all commands ran' if not done.returncode else 'a command failed'}: {took:.0f} s")
        return done.returncode


def copy_repository(clone: Path) -> None:
    """Copy what git lists, and link what takes minutes to build."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        target = clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    for name in LINKED:
        (ROOT / name).mkdir(parents=True, exist_ok=True)
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).symlink_to((ROOT / name).resolve())


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


if __name__ == "__main__":
    sys.exit(main())
