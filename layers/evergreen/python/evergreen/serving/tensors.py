"""Tensors: parse the inputs of the Open Inference Protocol into one list of values per feature.

The protocol is at https://github.com/kserve/open-inference-protocol. As with the other request
forms, values are not checked here.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.serving.request_forms import Table, same_length, unknown, unusable
from evergreen.serving.text_rows import typed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_NUMBERS = frozenset(
    {f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)}
    | {"FP16", "FP32", "FP64"}
)
TENSOR_DATATYPES = ("BOOL", "BYTES", *sorted(_NUMBERS))
"""The datatypes of the Open Inference Protocol that a feature can have."""
DATATYPES = {
    "float": _NUMBERS,
    "integer": _NUMBERS,
    "boolean": frozenset({"BOOL"}),
    "category": frozenset({"BYTES"}),
    "text": frozenset({"BYTES"}),
    "timestamp": frozenset({"BYTES"}),
}
"""The datatypes that a feature of each type takes."""


def read_tensors(
    content: object, types: dict[str, str], *, nan: bool = False, ignore_others: bool = False
) -> Table:
    """Parse the ``inputs`` of the Open Inference Protocol.

    Parameters
    ----------
    content
        ``[{"name", "shape", "datatype", "data"}, …]``, data flat or nested. Either one tensor for
        each feature, with the shape ``[n]`` or ``[n, 1]``; or one tensor of any name for all k
        features in the model's order, with the shape ``[n, k]``, row by row.
    types
        Feature name to type, in the model's order.
    nan
        Whether a value may be NaN, which stands for a missing one.
    ignore_others
        Whether tensors that are no features are passed over.

    Raises
    ------
    RequestError
        422 with the names of the wrong tensors.
    """
    if not isinstance(content, list):
        raise unusable("inputs", "must be a list of tensors {name, shape, datatype, data}")

    def flat(data: list[Any]) -> list[Any]:
        return without_nan(_flat(data)) if nan else _flat(data)

    if len(content) == 1 and _holds_all(content[0], types):
        return _rows(content[0], types, flat)
    names = list(types)
    faults: list[FieldError] = []
    lists: dict[str, list[Any]] = {}
    ignored: list[str] = []
    paths = {name: f"inputs.{name}" for name in names}
    for number, tensor in enumerate(content):
        at = f"inputs[{number}]"
        name = tensor.get("name") if isinstance(tensor, dict) else None
        if ignore_others and isinstance(name, str) and name not in types:
            ignored.append(name)
            continue
        found = _tensor_faults(tensor, at, types)
        if not found and tensor["name"] in lists:
            found = [FieldError(f"{at}.name", f"{tensor['name']} was given before")]
        if not found:
            paths[tensor["name"]] = f"{at}.data"
            lists[tensor["name"]] = flat(tensor["data"])
            found = _shape_faults(tensor["shape"], lists[tensor["name"]], f"{at}.shape")
        faults += found
        if len(faults) >= MAX_FIELD_ERRORS:
            break
    if faults:
        raise RequestError(422, "inputs do not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    table = same_length(lists, names, paths, lambda row, at: f"{at}[{row}]")
    return replace(table, ignored=tuple(ignored))


def _holds_all(tensor: object, types: dict[str, str]) -> bool:
    """Return whether one tensor is the whole table: it has columns, or the name of no feature."""
    if not isinstance(tensor, dict) or (len(types) == 1 and tensor.get("name") in [*types]):
        return False
    shape = tensor.get("shape")
    return isinstance(shape, list) and len(shape) == 2 and shape[1] == len(types)


def _rows(
    tensor: dict[str, Any], types: dict[str, str], flat: Callable[[list[Any]], list[Any]]
) -> Table:
    at = "inputs[0]"
    if faults := [
        FieldError(f"{at}.{key}", "is missing") for key in ("datatype", "data") if key not in tensor
    ]:
        raise RequestError(422, "inputs do not fit the model", tuple(faults))
    datatype, data = tensor["datatype"], tensor["data"]
    if datatype not in TENSOR_DATATYPES:
        raise unusable(f"{at}.datatype", f"must be one of {', '.join(sorted(TENSOR_DATATYPES))}")
    if not isinstance(data, list):
        raise unusable(f"{at}.data", "must be a list of values")
    values, shape = flat(data), tensor["shape"]
    if type(shape[0]) is not int or shape[0] < 0 or math.prod(shape) != len(values):
        message = f"says {shape} values, data has {len(values)}"
        raise unusable(f"{at}.shape", message)
    width = len(types)
    columns: dict[str, Sequence[Any]] = {
        name: _as_feature(values[place::width], kind, datatype)
        for place, (name, kind) in enumerate(types.items())
    }
    places = {name: place for place, name in enumerate(types)}
    return Table(shape[0], columns, lambda row, name: f"{at}.data[{row * width + places[name]}]")


def _as_feature(values: list[Any], kind: str, datatype: str) -> list[Any]:
    """Return values of a tensor that has one type for all features as those of one feature."""
    if datatype == "BYTES" and kind not in {"category", "text", "timestamp"}:
        return [typed(value, kind) if isinstance(value, str) else value for value in values]
    if kind == "boolean" and datatype in _NUMBERS:
        return [bool(value) if value in (0, 1) else value for value in values]
    return values


def without_nan(values: Sequence[Any]) -> list[Any]:
    """Return the values with null for NaN, which clients send for a missing value."""
    # NaN alone differs from itself.
    return [None if value != value else value for value in values]  # noqa: PLR0124


def _tensor_faults(tensor: object, at: str, types: dict[str, str]) -> list[FieldError]:
    if not isinstance(tensor, dict):
        return [FieldError(at, "must be an object {name, shape, datatype, data}")]
    faults = [
        FieldError(f"{at}.{key}", "is missing")
        for key in ("name", "shape", "datatype", "data")
        if key not in tensor
    ]
    if faults:
        return faults
    name, datatype = tensor["name"], tensor["datatype"]
    if not isinstance(name, str) or name not in types:
        return [unknown(f"{at}.name", list(types))]
    allowed = DATATYPES[types[name]]
    if not isinstance(datatype, str) or datatype not in allowed:
        faults.append(FieldError(f"{at}.datatype", f"must be one of {', '.join(sorted(allowed))}"))
    if not isinstance(tensor["data"], list):
        faults.append(FieldError(f"{at}.data", "must be a list of values"))
    return faults


def _shape_faults(shape: object, data: list[Any], at: str) -> list[FieldError]:
    whole = isinstance(shape, list) and all(type(size) is int and size >= 0 for size in shape)
    if (
        not whole
        or not isinstance(shape, list)
        or len(shape) not in {1, 2}
        or shape[1:] not in ([], [1])
    ):
        return [FieldError(at, "must be [rows] or [rows, 1]")]
    if math.prod(shape) != len(data):
        return [FieldError(at, f"says {math.prod(shape)} values, data has {len(data)}")]
    return []


def _flat(data: list[Any]) -> list[Any]:
    if any(isinstance(item, list) for item in data):
        return [value for item in data for value in (item if isinstance(item, list) else [item])]
    return data
