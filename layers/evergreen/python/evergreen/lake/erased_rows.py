"""Erased rows: which rows of a model a data subject wants to have removed, wherever they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterable


class _Key(msgspec.Struct):
    request_id: str
    row: int


_key_of = msgspec.json.Decoder(_Key, strict=True).decode


@dataclass(frozen=True)
class ErasedRows:
    """Rows to erase, by their key.

    Parameters
    ----------
    requests
        Requests of which every row is erased.
    rows
        Single rows: request id and row number.
    """

    requests: frozenset[str] = frozenset()
    rows: frozenset[tuple[str, int]] = frozenset()

    def __contains__(self, key: tuple[str, int]) -> bool:
        return key[0] in self.requests or key in self.rows

    def among(self, table: pa.Table) -> pa.Array:
        """Return which rows of a table with the columns ``request_id`` and ``row`` are erased."""
        ids, numbers = table["request_id"], table["row"]
        whole = pc.is_in(ids, pa.array(self.requests, pa.string()))
        if not self.rows:
            return whole
        single = pc.is_in(ids, pa.array(self._ids_of_rows, pa.string()))
        places = pc.indices_nonzero(single).to_pylist()
        if not places:
            return whole
        keys = zip(ids.take(places).to_pylist(), numbers.take(places).to_pylist(), strict=True)
        hit = {place for place, key in zip(places, keys, strict=True) if key in self.rows}
        return pc.or_(whole, pa.array([place in hit for place in range(table.num_rows)]))

    def in_line(self, line: bytes) -> bool:
        """Say whether a line is a record of an erased row; what is no record may mention one."""
        try:
            found = _key_of(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            text = line.decode(errors="replace")
            return any(each in text for each in self._ids)
        return (found.request_id, found.row) in self

    def without(self, lines: Iterable[bytes]) -> list[bytes]:
        """Return the lines of which none is a record of an erased row."""
        return [line for line in lines if not self.in_line(line)]

    @cached_property
    def _ids_of_rows(self) -> list[str]:
        return sorted({request_id for request_id, _ in self.rows})

    @cached_property
    def _ids(self) -> list[str]:
        return sorted({*self.requests, *self._ids_of_rows})
