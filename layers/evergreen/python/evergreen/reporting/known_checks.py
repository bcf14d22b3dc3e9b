"""Checks that were read before: they never change once they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.drift.log import read_check

if TYPE_CHECKING:
    from evergreen.drift.records import DriftRecord
    from evergreen.storage import Storage

REMEMBERED = 2000
"""The number of checks that are kept, some KB each, before all are forgotten."""


class KnownChecks:
    """Reads checks, each once. Threads may share it: at worst a check is read twice."""

    def __init__(self) -> None:
        self._lines: dict[str, list[DriftRecord]] = {}

    def read(self, storage: Storage, key: str) -> list[DriftRecord]:
        """Return the lines of a check by its object's key."""
        found = self._lines.get(key)
        if found is None:
            found = read_check(storage, key)
            if len(self._lines) >= REMEMBERED:
                self._lines.clear()
            self._lines[key] = found
        return found
