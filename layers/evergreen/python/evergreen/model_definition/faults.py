"""What is wrong with a ``model.toml``, in the words of the file, with its keys."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel

from evergreen.model_definition.definition import ModelDefinition

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationError

_SET_BY_EVERGREEN = {"derived_from", "derivation"}


def explain_faults(error: ValidationError) -> str:
    """Return every fault with its key, the nearest known key, and what is allowed there."""
    return "; ".join(_explain(detail) for detail in error.errors(include_url=False))


def _explain(detail: Any) -> str:  # noqa: ANN401 - pydantic's details of one fault
    path = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _explain_unknown(str(path[-1]), path[:-1])
    key = ".".join(str(part) for part in path) or "(file)"
    if detail["type"] == "missing":
        return f"{key} is missing"
    allowed = detail.get("ctx", {}).get("expected")
    hint = f" (allowed: {allowed})" if allowed and allowed not in detail["msg"] else ""
    return f"{key}: {detail['msg']}{hint}"


def _explain_unknown(key: str, section: tuple[str | int, ...]) -> str:
    where = f"[{'.'.join(map(str, section))}]" if section else "the top of the file"
    keys = _keys(section)
    near = get_close_matches(key, keys, n=1)
    meant = f"; did you mean {near[0]}?" if near else "."
    return f"{key} is no key of {where}{meant} Its keys: {', '.join(keys)}"


def _keys(section: tuple[str | int, ...]) -> list[str]:
    """Return the keys that a section of the file may have."""
    model: type[BaseModel] = ModelDefinition
    for part in section:
        # The name of a feature and the number of a schedule are no fields: the table around them
        # was entered with the field that holds them.
        if field := model.model_fields.get(str(part)):
            model = next(_models_in(field.annotation), model)
    return [name for name in model.model_fields if name not in _SET_BY_EVERGREEN]


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models_in(part)
