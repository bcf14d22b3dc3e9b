"""Tensors: parse the inputs of the Open Inference Protocol into one list of values per feature.

The protocol is at https://github.com/kserve/open-inference-protocol. As with the other request
forms, values are not checked here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.serving.request_forms import same_length, unknown, unusable

if TYPE_CHECKING:
    from evergreen.serving.request_forms import Table

_NUMBERS = frozenset(
    {f"{kind}{bits}" for kind in ("INT", "UINT") for bits in (8, 16, 32, 64)}
    | {"FP16", "FP32", "FP64"}
)
_DATATYPES = {
    "float": _NUMBERS,
    "integer": _NUMBERS,
    "boolean": frozenset({"BOOL"}),
    "category": frozenset({"BYTES"}),
}


def read_tensors(content: object, types: dict[str, str]) -> Table:
    """Parse the ``inputs`` of the Open Inference Protocol: one tensor for each feature.

    Parameters
    ----------
    content
        ``[{"name", "shape", "datatype", "data"}, …]``; shapes ``[n]`` or ``[n, 1]``, data flat or
        nested.
    types
        Feature name to type, in the model's order.

    Raises
    ------
    RequestError
        422 with the names of the wrong tensors.
    """
    if not isinstance(content, list):
        raise unusable("inputs", "must be a list of tensors {name, shape, datatype, data}")
    names = list(types)
    faults: list[FieldError] = []
    lists: dict[str, list[Any]] = {}
    paths = {name: f"inputs.{name}" for name in names}
    for number, tensor in enumerate(content):
        at = f"inputs[{number}]"
        found = _tensor_faults(tensor, at, types)
        if not found and tensor["name"] in lists:
            found = [FieldError(f"{at}.name", f"{tensor['name']} was given before")]
        if not found:
            paths[tensor["name"]] = f"{at}.data"
            lists[tensor["name"]] = _flat(tensor["data"])
            found = _shape_faults(tensor["shape"], lists[tensor["name"]], f"{at}.shape")
        faults += found
        if len(faults) >= MAX_FIELD_ERRORS:
            break
    if faults:
        raise RequestError(422, "inputs do not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    return same_length(lists, names, paths, lambda row, at: f"{at}[{row}]")


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
    allowed = _DATATYPES[types[name]]
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
