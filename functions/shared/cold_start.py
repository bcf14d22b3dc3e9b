"""Shortens a cold start: what a handler imports is imported before the garbage is collected.

A handler imports this module before all others, and calls :func:`end_cold_start` after them.
Between, Pydantic builds no class: it builds one when it is first used. FastAPI brings many for
OpenAPI documents, which take longer than the import of NumPy, and nothing here uses one.
"""

from __future__ import annotations

from functions.shared.modules import take_modules  # isort: split

import gc

gc.disable()
take_modules()

from functions.shared.patterns import take_patterns  # noqa: E402

take_patterns()

from functions.shared.texts import leave_texts, take_texts  # noqa: E402

take_texts()

from typing import Any  # noqa: E402

from pydantic import BaseModel  # noqa: E402 - its regular expressions and texts are there by now

_rebuild = BaseModel.__dict__["model_rebuild"]


def _rebuild_later(kind: type[BaseModel], /, **asked: Any) -> bool | None:  # noqa: ANN401 - Pydantic's
    """Leave out what a module asks for when it has defined all its classes, as FastAPI's does.

    Pydantic itself asks with parameters, when a class is first used. It looks for names in the
    frame of its caller, which is one further up from here.
    """
    if not asked:
        return None
    asked["_parent_namespace_depth"] = asked.get("_parent_namespace_depth", 2) + 1
    built: bool | None = _rebuild.__get__(None, kind)(**asked)
    return built


_YOUNG = 50_000
"""New objects before the garbage among them is looked for: the first answer makes fewer, and with
Python's 2,000 it would be interrupted seven times."""

BaseModel.model_config["defer_build"] = True
setattr(BaseModel, "model_rebuild", classmethod(_rebuild_later))  # noqa: B010 - mypy takes no other


def end_cold_start() -> None:
    """Collect garbage again, but not among what was imported, which stays."""
    setattr(BaseModel, "model_rebuild", _rebuild)  # noqa: B010 - mypy takes no other
    BaseModel.model_config.pop("defer_build", None)
    leave_texts()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])
    gc.enable()
