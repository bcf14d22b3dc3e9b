"""Settings and services that the prediction function makes once, forgotten between tests."""

from __future__ import annotations

from functions.predict import service as wiring
from functions.predict.settings import settings
from functions.shared.callers import forget_callers


def forget() -> None:
    """Let the next request read the environment again."""
    for cached in (settings, wiring.service, wiring.recorder):
        cached.cache_clear()
    forget_callers()
