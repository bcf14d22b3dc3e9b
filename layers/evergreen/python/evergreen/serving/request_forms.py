"""Request forms: parse the accepted JSON layouts of rows into one list of values per feature.

These forms are those of MLflow and of scikit-learn servers; :mod:`evergreen.serving.tensors` parses
those of the Open Inference Protocol. This module does not check values. It only records where each
value stands in the body, so that an error can name the place as the caller wrote it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    ignored
        Names of the columns that are no features and were passed over.
    """

    size: int
    columns: dict[str, Sequence[Any]]
    path: Callable[[int, str], str]
    faults: tuple[FieldError, ...] = ()
    ignored: tuple[str, ...] = ()


def read_form(
    key: str, content: object, names: Sequence[str], *, ignore_others: bool = False
) -> Table:
    """Parse the rows under the top-level ``key`` (one of :data:`FORMS`).

    Parameters
    ----------
    names
        The model's features in order.
    ignore_others
        Whether columns that are no features are passed over.

    Raises
    ------
    RequestError
        422 if the form is so wrong that rows cannot be read.
    """
    if key == "dataframe_split":
        return _split(key, content, names, ignore_others=ignore_others)
    if key == "inputs" and isinstance(content, dict):
        return _columnar(key, content, names, ignore_others=ignore_others)
    if not isinstance(content, list):
        raise unusable(key, _EXPECTED[key])
    if content and isinstance(content[0], list) and key != "dataframe_records":
        return _lists(key, content, names)
    return _objects(key, content, names, ignore_others=ignore_others)


_EXPECTED = {
    "instances": "must be a list of objects by feature name, or of lists in feature order",
    "inputs": "must be an object of feature name to list of values, or a list of rows",
    "dataframe_split": 'must be an object {"columns": [...], "data": [[...], ...]}',
    "dataframe_records": "must be a list of objects by feature name",
}


def _objects(key: str, rows: list[Any], names: Sequence[str], *, ignore_others: bool) -> Table:
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
    ignored: dict[str, None] = {}
    for number, row in enumerate(rows):
        if len(faults) >= MAX_FIELD_ERRORS:
            break
        if not isinstance(row, dict):
            faults.append(FieldError(f"{key}[{number}]", "must be an object by feature name"))
            continue
        shaped.append(row)
        if not row.keys() <= known:
            strange = [name for name in row if name not in known]
            if ignore_others:
                ignored |= dict.fromkeys(strange)
                continue
            faults += [
                unknown(path(number, name), names) for name in islice(strange, MAX_FIELD_ERRORS)
            ]
    if len(shaped) < len(rows):
        raise RequestError(422, f"{key} does not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    columns = {name: [row.get(name, ABSENT) for row in shaped] for name in names}
    return Table(len(rows), columns, path, tuple(faults), tuple(ignored))


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


def _split(key: str, content: object, names: Sequence[str], *, ignore_others: bool) -> Table:
    if not isinstance(content, dict):
        raise unusable(key, _EXPECTED[key])
    # pandas' orient="split" adds the index, which is not part of the rows.
    if extra := content.keys() - {"columns", "data", "index"}:
        raise unusable(f"{key}.{min(extra)}", "is not known here; allowed: columns, data")
    order, rows = content.get("columns"), content.get("data")
    if not isinstance(order, list) or not all(isinstance(name, str) for name in order):
        raise unusable(f"{key}.columns", "must be a list of feature names")
    if not isinstance(rows, list):
        raise unusable(f"{key}.data", "must be a list of rows, each a list of values")
    ignored = tuple(name for name in order if name not in names) if ignore_others else ()
    written = [(f"{key}.columns[{at}]", name) for at, name in enumerate(order)]
    if faults := _name_faults([each for each in written if each[1] not in ignored], names):
        raise RequestError(422, f"{key}.columns does not fit the model", faults)
    table = _lists(f"{key}.data", rows, names, order)
    absent = frozenset(names) - frozenset(order)
    return Table(
        table.size,
        table.columns,
        lambda row, name: f"{key}.columns.{name}" if name in absent else table.path(row, name),
        ignored=ignored,
    )


def _columnar(
    key: str, content: dict[str, Any], names: Sequence[str], *, ignore_others: bool
) -> Table:
    strange = [name for name in content if name not in names]
    faults = (
        []
        if ignore_others
        else [unknown(f"{key}.{name}", names) for name in strange[:MAX_FIELD_ERRORS]]
    )
    lists = {name: content[name] for name in names if isinstance(content.get(name), list)}
    faults += [
        FieldError(f"{key}.{name}", "must be a list of values, one for each row")
        for name in content
        if name in names and name not in lists
    ]
    if faults:
        raise RequestError(422, f"{key} does not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    table = same_length(
        lists, names, {name: f"{key}.{name}" for name in names}, lambda row, at: f"{at}[{row}]"
    )
    return replace(table, ignored=tuple(strange))


def same_length(
    lists: dict[str, list[Any]],
    names: Sequence[str],
    paths: dict[str, str],
    place: Callable[[int, str], str],
) -> Table:
    """Return the table of columns that were sent one by one.

    Parameters
    ----------
    lists
        The values of each feature that was sent.
    names
        The model's features in order; the values of one that was not sent are :data:`ABSENT`.
    paths
        Where each feature stands in the body.
    place
        Function that returns the path of one row's value from its row and its feature's path.

    Raises
    ------
    RequestError
        422 if the features differ in their number of rows.
    """
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


def unusable(at: str, message: str) -> RequestError:
    """Return the error for a body in which rows cannot be told."""
    return RequestError(422, "the body does not fit the model", (FieldError(at, message),))
