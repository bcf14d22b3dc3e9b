"""JSON lines to Arrow: what is plainly fine quickly, and each other line with care."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from evergreen.lake.parsing import LabelParser, PredictionParser
from evergreen.lake.records import read_label, read_prediction
from evergreen.lake.tables import MAX_REASON, concat

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition

_CHUNK = 4096
"""Lines that are read at a time: they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is not a record, and why."""

    source: str
    line: str
    reason: str


class LineReader:
    """Reads the JSON lines of one model's table.

    Parameters
    ----------
    kind
        Which table.
    definition
        The model's.
    """

    def __init__(self, kind: TableKind, definition: ModelDefinition) -> None:
        self._definition = definition
        self._schema = kind.schema(definition)
        labels = kind.name == "labels"
        self._parser = (LabelParser if labels else PredictionParser)(definition, self._schema)
        self._careful = read_label if labels else read_prediction

    def read(self, objects: Iterable[tuple[str, bytes]]) -> tuple[pa.Table, list[Rejected]]:
        """Read objects into a table; lines that are no records come back with the reason.

        Parameters
        ----------
        objects
            Keys, and bodies: UTF-8 text, one record per line.
        """
        lines: list[bytes] = []
        ends: list[tuple[int, str]] = []
        for key, body in objects:
            lines += body.splitlines()
            ends.append((len(lines), key))
        parts, left = [], []
        for start in range(0, len(lines), _CHUNK):
            taken = self._parser.parse(lines[start : start + _CHUNK])
            parts.append(taken.columns)
            left += [start + place for place in taken.left]
        rows, rejected, source = [], [], iter(ends)
        end, key = next(source, (0, ""))
        for place in left:
            while place >= end:
                end, key = next(source)
            try:
                rows.append(self._careful(lines[place], self._definition))
            except ValueError as error:
                text = lines[place].decode(errors="replace")
                rejected.append(Rejected(key, text, str(error)[:MAX_REASON]))
        return concat([*parts, *self._tables(rows)], self._schema), rejected

    def _tables(self, rows: list[dict[str, object]]) -> list[pa.Table]:
        return [pa.Table.from_pylist(rows, schema=self._schema)] if rows else []
