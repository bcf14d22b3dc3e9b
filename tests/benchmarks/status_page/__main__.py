"""``make bench-status-page``: measure the status page of twenty models in Chromium.

It copies the repository, adds models to the copy, and measures there.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.how_to.__main__ import copy_repository

_SOURCE = "flight_delay"


def main() -> int:
    """Copy the repository, add models, and run :mod:`.measure` in the copy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=20)
    parser.add_argument("--visits", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="evergreen-status-page-") as scratch:
        clone = Path(scratch) / "evergreen"
        copy_repository(clone)
        models = clone / "models"
        there = len(list(models.glob("*/model.toml")))
        for number in range(there + 1, given.models + 1):
            _add(models, f"flight_delay_{number}")
        path = os.pathsep.join([str(clone), str(clone / "layers" / "evergreen" / "python")])
        # The programs of .venv would import the repository that it was made in.
        environment = {**os.environ, "PYTHONPATH": path}
        command = [sys.executable, "-m", "tests.benchmarks.status_page.measure", str(given.visits)]
        return subprocess.run(command, cwd=clone, env=environment, check=False).returncode


def _add(models: Path, name: str) -> None:
    shutil.copytree(models / _SOURCE, models / name)
    file = models / name / "model.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(f'name = "{_SOURCE}"', f'name = "{name}"'), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
