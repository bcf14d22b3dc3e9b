"""Shortens a cold start: what a handler imports is imported before the garbage is collected.

A handler imports this module before all others, and calls :func:`end_cold_start` after them.
Between, Pydantic builds no class: it builds one when it is first used. FastAPI brings many for
OpenAPI documents, which take longer than the import of NumPy, and nothing here uses one.
"""

from __future__ import annotations

from functions.shared.patterns import take_patterns  # isort: split

import gc

take_patterns()
gc.disable()

from pydantic import BaseModel  # noqa: E402 - its regular expressions are there by now

BaseModel.model_config["defer_build"] = True


def end_cold_start() -> None:
    """Collect garbage again, but not among what was imported, which stays."""
    BaseModel.model_config.pop("defer_build", None)
    gc.enable()
    gc.freeze()
