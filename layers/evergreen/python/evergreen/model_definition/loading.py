"""Reading ``models/<name>/model.toml``: a definition, or an error that names each wrong key."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from pydantic import ValidationError

from evergreen.errors import ModelDefinitionError, UnknownModelError
from evergreen.model_definition.definition import ModelDefinition
from evergreen.model_definition.faults import explain_faults

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
        raise ModelDefinitionError(explain_faults(error), where=str(file)) from error
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


def load_valid_definitions(models: Path) -> tuple[dict[str, ModelDefinition], dict[str, str]]:
    """Read what can be read: the definitions by name, and what is wrong with each other one."""
    found, faults = {}, {}
    for file in sorted(models.glob(f"*/{DEFINITION_FILE}")):
        try:
            found[file.parent.name] = load_definition(file.parent)
        except ModelDefinitionError as error:
            faults[file.parent.name] = str(error)
    return found, faults


def find_definition(models: Path, name: str) -> ModelDefinition:
    """Read one model's definition; ``name`` is matched, never used as a path.

    Raises
    ------
    UnknownModelError
        If there is no such model; the message lists those there are, the nearest first.
    ModelDefinitionError
        If its definition is not valid.
    """
    folders = {file.parent.name: file.parent for file in models.glob(f"*/{DEFINITION_FILE}")}
    if name not in folders:
        from difflib import get_close_matches  # noqa: PLC0415 - only after a wrong name

        near = get_close_matches(name, sorted(folders), n=1)
        raise UnknownModelError(
            f"no model is called {name!r}",
            fix=(f"Did you mean {near[0]!r}? " if near else "")
            + f"Known models: {', '.join(sorted(folders)) or 'none'}.",
        )
    # The others are not read: a fault in one must not stop what is asked of another.
    return load_definition(folders[name])
