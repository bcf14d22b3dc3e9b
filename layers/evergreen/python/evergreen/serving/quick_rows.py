"""Rows as objects by feature name, read at once into a class with a field for each feature.

msgspec checks the types while it parses, and builds no dictionaries. The request log writes the
same objects again. Whatever does not fit is left to the careful reader in
:mod:`evergreen.serving.requests`, which says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import astuple
from pydantic_core import from_json

from evergreen.serving.value_faults import JSON_TYPES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from evergreen.model_definition import Feature

_FORMS = ("instances", "dataframe_records")
_OTHERS = ("metadata", "id", "params")


@dataclass(frozen=True, slots=True)
class QuickRows:
    """The rows of a body whose every value has the type of its feature.

    Parameters
    ----------
    rows
        One object for each row, with the features in the model's order.
    columns
        The same values by feature.
    content
        What the body has beside the rows, by its key.
    """

    rows: Sequence[msgspec.Struct]
    columns: dict[str, tuple[Any, ...]]
    content: dict[str, Any]


class QuickReader:
    """Reads bodies with ``instances`` or ``dataframe_records`` that are lists of objects.

    Parameters
    ----------
    features
        The model's.
    """

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._names = list(features)
        # A feature may have a name that is no name in Python.
        fields = {f"feature_{number}": name for number, name in enumerate(self._names)}
        types = [json_type(feature) for feature in features.values()]
        options: dict[str, Any] = {"frozen": True, "gc": False, "forbid_unknown_fields": True}
        row = msgspec.defstruct(
            "Row", list(zip(fields, types, strict=True)), rename=fields, **options
        )
        body = msgspec.defstruct(
            "Body",
            [
                *((form, list[row] | UnsetType, UNSET) for form in _FORMS),  # type: ignore[valid-type]
                *((other, msgspec.Raw, msgspec.Raw()) for other in _OTHERS),
            ],
            **options,
        )
        self._decoder = msgspec.json.Decoder(body)

    def read(self, body: bytes) -> QuickRows | None:
        """Return the rows, or None if this body needs the careful reader."""
        try:
            read: Any = self._decoder.decode(body)
            others = {name: getattr(read, name) for name in _OTHERS}
            content = {name: from_json(bytes(raw)) for name, raw in others.items() if bytes(raw)}
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if (read.instances is UNSET) == (read.dataframe_records is UNSET):
            return None
        rows = read.dataframe_records if read.instances is UNSET else read.instances
        if not rows:
            return None
        columns = zip(*map(astuple, rows), strict=True)
        return QuickRows(rows, dict(zip(self._names, columns, strict=True)), content)


def json_type(feature: Feature) -> Any:  # noqa: ANN401 - a type or a union of types
    """Return the type, as msgspec reads it, of the values of a feature."""
    types = [*JSON_TYPES[feature.type], *([type(None)] if feature.nullable else [])]
    return reduce(or_, types)
