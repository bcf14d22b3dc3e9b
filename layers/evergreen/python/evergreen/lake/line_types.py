"""The types of the lines of one model's logs, as msgspec reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.model_definition import Feature, ModelDefinition


def record_decoder(definition: ModelDefinition, fields: list[Any]) -> Callable[[bytes], Any]:
    """Return what reads a line of one model with these fields and no others."""
    name = Literal.__getitem__(definition.name)
    record = msgspec.defstruct(
        "Record", [*fields, ("model", name, definition.name)], forbid_unknown_fields=True, gc=False
    )
    return msgspec.json.Decoder(record).decode


def sent_type(definition: ModelDefinition, names: list[str]) -> type[msgspec.Struct]:
    """Return the type of what was sent. Its fields are numbered: a name can be any text."""
    fields: list[Any] = [
        (f"f{place}", _feature_type(definition.features[name]), None)
        for place, name in enumerate(names)
    ]
    rename = {f"f{place}": name for place, name in enumerate(names)}
    # A moment is beside what is derived from it, and has no column of its own.
    for number, name in enumerate(definition.moments):
        fields.append((f"m{number}", str | None, None))
        rename[f"m{number}"] = name
    return msgspec.defstruct("Inputs", fields, rename=rename, forbid_unknown_fields=True, gc=False)


def _feature_type(feature: Feature) -> Any:  # noqa: ANN401 - a type expression
    if feature.type == "boolean":
        return bool | float | None
    return float | None if feature.is_numeric else str | None


def outcome_type(definition: ModelDefinition) -> Any:  # noqa: ANN401 - a type expression
    """Return the type of a model's answers and labels in a line."""
    return str | int | bool if definition.task == "classification" else float
