"""ONNX Runtime, which tells nobody outside about its use.

Its builds for Linux gather what a process runs on and which models it loads, keep it in a database
below the home directory, and send it to Microsoft. The variable switches that off, if it is set
before the import: https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
"""

from __future__ import annotations

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["onnxruntime"]
