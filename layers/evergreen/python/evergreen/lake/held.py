"""Held objects: which raw objects a table holds, committed together with their rows.

A property of the table names, for each day of landing, a small file with the keys. The files lie
outside the table's location: whoever cleans up a table there, such as AWS Glue, deletes what
Iceberg's metadata does not name.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from datetime import date
from typing import TYPE_CHECKING

from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyiceberg.table import Table

    from evergreen.lake.tables import TableKind
    from evergreen.storage import Storage

_PROPERTY = "evergreen.held."


class HeldListError(EvergreenError):
    """The list of the raw objects that a table holds is gone or cannot be read."""


def held_lists(table: Table) -> dict[date, str]:
    """Return the keys of the lists of a table, by day of landing."""
    return {
        date.fromisoformat(name.removeprefix(_PROPERTY)): value
        for name, value in table.properties.items()
        if name.startswith(_PROPERTY)
    }


def held_property(day: date) -> str:
    """Return the name of the table's property for a day of landing."""
    return f"{_PROPERTY}{day.isoformat()}"


def read_held(storage: Storage, table: Table | None, day: date) -> frozenset[str]:
    """Return the keys of the raw objects of a day whose rows the table holds.

    Raises
    ------
    HeldListError
        If the list is gone or damaged.
    """
    key = held_lists(table).get(day) if table else None
    if key is None:
        return frozenset()
    body = storage.get(key)
    try:
        if body is None:
            raise FileNotFoundError(key)
        return frozenset(json.loads(gzip.decompress(body)))
    except (OSError, EOFError, ValueError, TypeError) as error:
        raise HeldListError(
            f"the list of the raw objects that the table holds cannot be read: {error!r}",
            where=key,
            fix="The next compaction of the day writes it anew; rows count once meanwhile.",
        ) from error


def write_held(
    storage: Storage, kind: TableKind, model: str, day: date, keys: Collection[str]
) -> str:
    """Write the list for a day, named by its content; return its key."""
    text = json.dumps(sorted(keys)).encode()
    name = hashlib.sha256(text).hexdigest()[:16]
    # The name does not end in .gz: nothing on the way unpacks it.
    key = f"{kind.held_prefix(model)}{day.isoformat()}/{name}.held"
    storage.put(key, gzip.compress(text, mtime=0))
    return key
