"""What starting the drift function costs: nothing of what only a check needs, or only its page."""

from __future__ import annotations

import subprocess
import sys

import pytest

STATISTICS = ("evidently", "plotly", "pandas", "scipy", "sklearn")
TRAINING = ("mlflow", "onnxruntime", "skl2onnx")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        # A model that has nothing to check, a schedule of which fires all the same, pays no more.
        ("functions.check_drift.handler", (*STATISTICS, *TRAINING)),
        # A window without rows is concluded without Evidently.
        ("evergreen.drift.check", ("evidently", "plotly", *TRAINING)),
    ],
)
def test_nothing_is_imported_before_it_is_needed(module: str, absent: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print([name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
