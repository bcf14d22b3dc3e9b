"""Tensors of the Open Inference Protocol, one for each feature, read at once into their types.

As with :mod:`evergreen.serving.quick_rows`, msgspec checks the types while it parses, and whatever
does not fit is left to the careful reader, which says what is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType
from pydantic_core import from_json

from evergreen.serving.quick_rows import json_type
from evergreen.serving.tensors import DATATYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evergreen.model_definition import Feature

_OTHERS = ("id", "outputs", "parameters", "model_name", "model_version")


class _Tensor(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    name: str
    shape: list[int]
    datatype: str
    data: msgspec.Raw
    parameters: Any = None


class _Body(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    inputs: list[_Tensor]
    id: msgspec.Raw | UnsetType = UNSET
    outputs: msgspec.Raw | UnsetType = UNSET
    parameters: msgspec.Raw | UnsetType = UNSET
    model_name: msgspec.Raw | UnsetType = UNSET
    model_version: msgspec.Raw | UnsetType = UNSET


@dataclass(frozen=True, slots=True)
class QuickTensors:
    """The tensors of a body whose every value has the type of its feature.

    Parameters
    ----------
    columns
        The values of every feature, in the model's order.
    size
        How many rows they have, at least one.
    content
        What the body has beside the tensors, by its key.
    """

    columns: dict[str, list[Any]]
    size: int
    content: dict[str, Any]


class QuickTensorReader:
    """Reads bodies of flat tensors, one for each feature.

    Parameters
    ----------
    features
        The model's.
    """

    def __init__(self, features: Mapping[str, Feature]) -> None:
        self._names = list(features)
        decoders = {
            of: msgspec.json.Decoder(list[of])  # type: ignore[valid-type]
            for of in {json_type(feature) for feature in features.values()}
        }
        self._taken = {
            name: (decoders[json_type(feature)].decode, DATATYPES[feature.type])
            for name, feature in features.items()
        }
        self._body = msgspec.json.Decoder(_Body)

    def read(self, body: bytes) -> QuickTensors | None:
        """Return the tensors, or None if this body needs the careful reader."""
        try:
            read = self._body.decode(body)
            columns = self._columns(read.inputs)
            raw = {name: getattr(read, name) for name in _OTHERS}
            content = {
                key: from_json(bytes(each)) for key, each in raw.items() if each is not UNSET
            }
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        if columns is None:
            return None
        return QuickTensors(columns, len(columns[self._names[0]]), content)

    def _columns(self, tensors: list[_Tensor]) -> dict[str, list[Any]] | None:
        if len(tensors) != len(self._names) or not tensors[0].shape:
            return None
        size = tensors[0].shape[0]
        shapes = ([size], [size, 1])
        found: dict[str, list[Any]] = {}
        for tensor in tensors:
            taken = self._taken.get(tensor.name)
            if taken is None or tensor.datatype not in taken[1] or tensor.shape not in shapes:
                return None
            values = found[tensor.name] = taken[0](tensor.data)
            if len(values) != size:
                return None
        if not size or len(found) != len(self._names):
            return None
        return {name: found[name] for name in self._names}
