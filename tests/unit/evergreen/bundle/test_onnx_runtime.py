"""ONNX Runtime as the library imports it gathers nothing about the machine."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_it_keeps_nothing_to_send_below_the_home_directory(tmp_path: Path) -> None:
    told = {name: value for name, value in os.environ.items() if not name.startswith("ORT_")}
    subprocess.run(
        [sys.executable, "-c", "import evergreen.bundle.predictor"],
        env={**told, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
        check=True,
    )
    assert list(tmp_path.iterdir()) == []
