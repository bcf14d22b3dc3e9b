"""The processor architectures that functions run on."""

from __future__ import annotations

import platform
from typing import Literal

Architecture = Literal["x86_64", "arm64"]


def machine_architecture() -> Architecture:
    """Return this machine's architecture under Lambda's name for it."""
    return "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
