"""What the rollback function is told by its environment, beside its release context."""

from __future__ import annotations

from functools import cache

from functions.shared.environment import ModelsEnvironment


@cache
def settings() -> ModelsEnvironment:
    """Read the environment once."""
    return ModelsEnvironment.read()
