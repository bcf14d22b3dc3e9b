"""Request forms: parse the accepted JSON layouts of rows into one list of values per feature.

Most forms are those of MLflow and of scikit-learn servers. One is the Open Inference Protocol
(https://github.com/kserve/open-inference-protocol). This module does not check values. It only
records where each value stands in the body, so that an error can name the place as the caller wrote
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FORMS = ("instances", "inputs", "dataframe_split", "dataframe_records")
"""The top-level keys that may hold rows; a body has exactly one of them."""


class _Absent:
    """Marks a value that the body does not contain; null is a value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = _Absent()


@dataclass(frozen=True, slots=True)
class Table:
    """The rows of a request by column, with their values unchecked.

    Parameters
    ----------
    size
        Number of rows.
    columns
        Feature name to ``size`` values, in the model's order.
    path
        Function that returns the path of a row's feature in the body.
    faults
        Errors in the form itself, such as features that do not exist.
    """

    size: int
    columns: dict[str, Sequence[Any]]
    path: Callable[[int, str], str]
    faults: tuple[FieldError, ...] = ()


def read_form(key: str, content: object, names: Sequence[str]) -> Table:
    """Parse the rows under the top-level ``key`` (one of :data:`FORMS`).

    Parameters
    ----------
    names
        The model's features in order.

    Raises
    ------
    RequestError
        422 if the form is so wrong that rows cannot be read.
    """
    if key == "dataframe_split":
        return _split(key, content, names)
    if key == "inputs" and isinstance(content, dict):
        return _columnar(key, content, names)
    if not isinstance(content, list):
        raise _unusable(key, _EXPECTED[key])
    if content and isinstance(content[0], list) and key != "dataframe_records":
        return _lists(key, content, names)
    return _objects(key, content, names)


_EXPECTED = {
    "instances": "must be a list of objects by feature name, or of lists in feature order",
    "inputs": "must be an object of feature name to list of values, or a list of rows",
    "dataframe_split": 'must be an object {"columns": [...], "data": [[...], ...]}',
    "dataframe_records": "must be a list of objects by feature name",
}


def _objects(key: str, rows: list[Any], names: Sequence[str]) -> Table:
    def path(row: int, name: str) -> str:
        return f"{key}[{row}].{name}"

    try:
        columns: dict[str, Sequence[Any]] = {name: [row[name] for row in rows] for name in names}
        if sum(map(len, rows)) == len(rows) * len(names):
            return Table(len(rows), columns, path)
    except (KeyError, TypeError):
        pass  # some row has another length: check each row
    known = frozenset(names)
    faults: list[FieldError] = []
    shaped: list[dict[str, Any]] = []
    for number, row in enumerate(rows):
        if len(faults) >= MAX_FIELD_ERRORS:
            break
        if not isinstance(row, dict):
            faults.append(FieldError(f"{key}[{number}]", "must be an object by feature name"))
            continue
        shaped.append(row)
        if not row.keys() <= known:
            strange = (name for name in row if name not in known)
            faults += [
                unknown(path(number, name), names) for name in islice(strange, MAX_FIELD_ERRORS)
            ]
    if len(shaped) < len(rows):
        raise RequestError(422, f"{key} does not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    columns = {name: [row.get(name, ABSENT) for row in shaped] for name in names}
    return Table(len(rows), columns, path, tuple(faults))


def _lists(
    key: str, rows: list[Any], names: Sequence[str], order: Sequence[str] | None = None
) -> Table:
    written = list(names if order is None else order)
    width = len(written)
    faults = []
    for number, row in enumerate(rows):
        if type(row) is not list or len(row) != width:
            message = f"must be a list of {width} values: {', '.join(map(str, written))}"
            faults.append(FieldError(f"{key}[{number}]", message))
            if len(faults) >= MAX_FIELD_ERRORS:
                break
    if faults:
        raise RequestError(422, f"{key} does not fit the model", tuple(faults))
    place = {name: index for index, name in enumerate(written)}
    return Table(
        len(rows),
        {
            name: [row[place[name]] for row in rows] if name in place else [ABSENT] * len(rows)
            for name in names
        },
        lambda row, name: f"{key}[{row}][{place[name]}]" if name in place else name,
    )


def _split(key: str, content: object, names: Sequence[str]) -> Table:
    if not isinstance(content, dict):
        raise _unusable(key, _EXPECTED[key])
    # pandas' orient="split" adds the index, which is not part of the rows.
    if extra := content.keys() - {"columns", "data", "index"}:
        raise _unusable(f"{key}.{min(extra)}", "is not known here; allowed: columns, data")
    order, rows = content.get("columns"), content.get("data")
    if not isinstance(order, list) or not all(isinstance(name, str) for name in order):
        raise _unusable(f"{key}.columns", "must be a list of feature names")
    if not isinstance(rows, list):
        raise _unusable(f"{key}.data", "must be a list of rows, each a list of values")
    faults = _name_faults([(f"{key}.columns[{at}]", name) for at, name in enumerate(order)], names)
    if faults:
        raise RequestError(422, f"{key}.columns does not fit the model", faults)
    table = _lists(f"{key}.data", rows, names, order)
    absent = frozenset(names) - frozenset(order)
    return Table(
        table.size,
        table.columns,
        lambda row, name: f"{key}.columns.{name}" if name in absent else table.path(row, name),
    )


def _columnar(key: str, content: dict[str, Any], names: Sequence[str]) -> Table:
    strange = (name for name in content if name not in names)
    faults = [unknown(f"{key}.{name}", names) for name in islice(strange, MAX_FIELD_ERRORS)]
    lists = {name: values for name, values in content.items() if isinstance(values, list)}
    faults += [
        FieldError(f"{key}.{name}", "must be a list of values, one for each row")
        for name in content
        if name in names and name not in lists
    ]
    if faults:
        raise RequestError(422, f"{key} does not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    return _same_length(
        lists, names, {name: f"{key}.{name}" for name in names}, lambda row, at: f"{at}[{row}]"
    )


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
        raise _unusable("inputs", "must be a list of tensors {name, shape, datatype, data}")
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
    return _same_length(lists, names, paths, lambda row, at: f"{at}[{row}]")


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


def _same_length(
    lists: dict[str, list[Any]],
    names: Sequence[str],
    paths: dict[str, str],
    place: Callable[[int, str], str],
) -> Table:
    sizes = {len(values) for values in lists.values()}
    size = max(sizes, default=0)
    if len(sizes) > 1:
        faults = tuple(
            FieldError(paths[name], f"has {len(values)} values, the longest has {size}")
            for name, values in lists.items()
            if len(values) != size
        )
        raise RequestError(
            422, "features differ in their number of rows", faults[:MAX_FIELD_ERRORS]
        )
    return Table(
        size,
        {name: lists[name] if name in lists else [ABSENT] * size for name in names},
        lambda row, name: place(row, paths[name]) if name in lists else paths[name],
    )


def _name_faults(written: list[tuple[str, str]], names: Sequence[str]) -> tuple[FieldError, ...]:
    seen: set[str] = set()
    faults = []
    for at, name in written:
        if name not in names:
            faults.append(unknown(at, names))
        elif name in seen:
            faults.append(FieldError(at, f"{name} is listed twice"))
        seen.add(name)
        if len(faults) >= MAX_FIELD_ERRORS:
            break
    return tuple(faults)


def unknown(at: str, names: Sequence[str]) -> FieldError:
    """Return the error for a feature that the model does not have."""
    return FieldError(at, f"is not a feature of this model; features: {', '.join(names)}")


def _unusable(at: str, message: str) -> RequestError:
    return RequestError(422, "the body does not fit the model", (FieldError(at, message),))
