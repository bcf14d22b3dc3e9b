"""Rows as text: CSV and JSON Lines, as clients of MLflow and SageMaker send them.

CSV has no types, so each value is read as the type of its feature. An empty field is a missing
value. Values are checked elsewhere, as those of the other forms are.
"""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING, Any

from evergreen.errors import MAX_FIELD_ERRORS, FieldError, RequestError
from evergreen.serving.bodies import MAX_BYTES, read_json
from evergreen.serving.request_forms import ABSENT, Table, read_form, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Python's own limit for a field is 131,072; no field is longer than a body may be.
csv.field_size_limit(MAX_BYTES)
_BOOLEANS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def read_csv(
    text: str, types: Mapping[str, str], *, header: bool | None = None, ignore_others: bool = False
) -> Table:
    """Parse comma-separated rows.

    Parameters
    ----------
    types
        Feature name to type, in the model's order.
    header
        Whether the first line has the names of the columns. None: it has if it has the name of any
        feature. Without a header the values stand in the model's order.
    ignore_others
        Whether columns that are no features are passed over.

    Raises
    ------
    RequestError
        422 if the lines are not rows of the model.
    """
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    names = list(types)
    if not rows:
        raise RequestError(422, "the body does not fit the model", (FieldError("$", "is empty"),))
    if header is None:
        header = any(value.strip() in types for value in rows[0])
    order = [value.strip() for value in rows.pop(0)] if header else names
    others = [name for name in order if name not in types]
    faults = [] if ignore_others else [unknown(f"line 1, {name}", names) for name in others]
    faults += [
        FieldError(f"line 1, {name}", "is there twice") for name in names if order.count(name) > 1
    ]
    first = 2 if header else 1
    for number, row in enumerate(rows, first):
        if len(row) != len(order):
            message = f"has {len(row)} values; expected {len(order)}: {', '.join(order)}"
            faults.append(FieldError(f"line {number}", message))
    if faults:
        raise RequestError(422, "the lines do not fit the model", tuple(faults[:MAX_FIELD_ERRORS]))
    places = {name: order.index(name) for name in names if name in order}
    columns: dict[str, Sequence[Any]] = {
        name: [typed(row[places[name]], kind) for row in rows]
        if name in places
        else [ABSENT] * len(rows)
        for name, kind in types.items()
    }
    return Table(
        len(rows),
        columns,
        lambda row, name: f"line {row + first}, {name}",
        ignored=tuple(others),
    )


def read_json_lines(text: str, types: Mapping[str, str], *, ignore_others: bool = False) -> Table:
    """Parse one row a line: an object by feature name, a list, or ``{"features": [...]}``.

    Raises
    ------
    RequestError
        400 if a line is not JSON; 422 if the lines are not rows of the model.
    """
    # Within a text JSON may have other characters at which Python would split lines.
    rows = [read_json(line.encode(), nan=True) for line in text.split("\n") if line.strip()]
    rows = [
        row["features"] if isinstance(row, dict) and set(row) == {"features"} else row
        for row in rows
    ]
    return read_form("instances", rows, list(types), ignore_others=ignore_others)


def typed(text: str, kind: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value that a text stands for in a feature of the type ``kind``.

    A text that does not fit stays a text, so that the check of the values refuses it by its place.
    """
    if kind in {"category", "text", "timestamp"}:
        return text or None
    value = text.strip()
    if not value:
        return None
    if "_" in value:  # Python reads 1_000 as a number, and nobody else does
        return text
    if kind == "boolean":
        return _BOOLEANS.get(value.lower(), text)
    try:
        number = int(value) if kind == "integer" else float(value)
    except ValueError:
        try:
            number = float(value)
        except ValueError:
            return text
    return None if isinstance(number, float) and math.isnan(number) else number
