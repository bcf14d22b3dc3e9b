"""Reading ``models/<name>/model.toml``: a definition, or an error that names each wrong key."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from evergreen.errors import ModelDefinitionError, UnknownModelError
from evergreen.model_definition.definition import ModelDefinition

if TYPE_CHECKING:
    from pathlib import Path

DEFINITION_FILE = "model.toml"


def load_definition(folder: Path) -> ModelDefinition:
    """Read and validate ``folder/model.toml``.

    Raises
    ------
    ModelDefinitionError
        Naming the file, each wrong key, and what is allowed there.
    """
    file = folder / DEFINITION_FILE
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelDefinitionError("file not found", where=str(file)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ModelDefinitionError(f"not valid TOML: {error}", where=str(file)) from error
    try:
        definition = ModelDefinition.model_validate(content)
    except ValidationError as error:
        raise ModelDefinitionError(_explain(error), where=str(file)) from error
    if definition.name != folder.name:
        raise ModelDefinitionError(
            f"name is {definition.name!r} but the folder is {folder.name!r}",
            where=str(file),
            fix="Give both the same name.",
        )
    return definition.found_in(folder)


def load_definitions(models: Path) -> dict[str, ModelDefinition]:
    """Read every model folder below ``models``, by name, in alphabetical order.

    Raises
    ------
    ModelDefinitionError
        If a folder's definition is not valid.
    """
    folders = sorted(file.parent for file in models.glob(f"*/{DEFINITION_FILE}"))
    return {folder.name: load_definition(folder) for folder in folders}


def find_definition(models: Path, name: str) -> ModelDefinition:
    """Read one model's definition; ``name`` is matched, never used as a path.

    Raises
    ------
    UnknownModelError
        If there is no such model; the message lists those there are, the nearest first.
    """
    definitions = load_definitions(models)
    if name not in definitions:
        from difflib import get_close_matches  # noqa: PLC0415 - only after a wrong name

        near = get_close_matches(name, definitions, n=1)
        raise UnknownModelError(
            f"no model is called {name!r}",
            fix=(f"Did you mean {near[0]!r}? " if near else "")
            + f"Known models: {', '.join(definitions) or 'none'}.",
        )
    return definitions[name]


def _explain(error: ValidationError) -> str:
    problems = []
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"]) or "(file)"
        allowed = detail.get("ctx", {}).get("expected")
        hint = f" (allowed: {allowed})" if allowed and allowed not in detail["msg"] else ""
        problems.append(f"{key}: {detail['msg']}{hint}")
    return "; ".join(problems)
