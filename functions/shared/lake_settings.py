"""Settings of the functions that need only the models and the lake."""

from __future__ import annotations

from functools import cache

from functions.shared.environment import LakeEnvironment


@cache
def settings() -> LakeEnvironment:
    """Read the environment once."""
    return LakeEnvironment.read()
