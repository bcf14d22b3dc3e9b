"""What the rollback function is told by its environment, beside what the desk is."""

from __future__ import annotations

from functools import cache

from functions.shared.environment import ModelsEnvironment


@cache
def settings() -> ModelsEnvironment:
    """Read the environment once."""
    return ModelsEnvironment.read()
