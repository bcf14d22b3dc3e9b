"""Ids of callers: which request a caller's own id belongs to, as the request log knows it.

Two requests may have the same id. Then it says nothing, and is refused.
"""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Self

from evergreen.lake.tables import REQUEST_LOG

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path
    from types import TracebackType

    from evergreen.lake.reader import Lake
    from evergreen.model_definition import ModelDefinition

_ADD = """
INSERT INTO ids VALUES (?, ?) ON CONFLICT (id) DO UPDATE
SET request_id = CASE WHEN request_id = excluded.request_id THEN request_id END
"""


class CallerIds:
    """An index on disk of the callers' ids in the request log.

    Parameters
    ----------
    path
        A file that does not exist yet. The caller deletes it.
    """

    def __init__(self, path: Path) -> None:
        self._index = sqlite3.connect(path, isolation_level=None)
        # It is thrown away after use, so it need not survive a crash.
        self._index.execute("PRAGMA synchronous = OFF")
        self._index.execute("PRAGMA journal_mode = OFF")
        self._index.execute("CREATE TABLE ids (id TEXT PRIMARY KEY, request_id TEXT) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._index.close()

    def read(self, lake: Lake, definition: ModelDefinition, start: datetime, end: datetime) -> None:
        """Add the ids of the predictions with ``start <= timestamp < end``."""
        for rows in lake.batches(REQUEST_LOG, definition, start, end, ("metadata",)):
            # All rows of a request have the same metadata.
            requests = dict(
                zip(rows["request_id"].to_pylist(), rows["metadata"].to_pylist(), strict=True)
            )
            named = {
                request_id: json.loads(metadata)["id"]
                for request_id, metadata in requests.items()
                if '"id"' in metadata and "id" in json.loads(metadata)
            }
            self._index.execute("BEGIN")
            self._index.executemany(_ADD, [(str(each), key) for key, each in named.items()])
            self._index.execute("COMMIT")

    def request_id(self, caller_id: str) -> str:
        """Return the request that has an id.

        Raises
        ------
        ValueError
            If no request has it, or more than one.
        """
        found = self._index.execute("SELECT request_id FROM ids WHERE id = ?", (caller_id,))
        row = found.fetchone()
        if row is None:
            raise ValueError("no logged request has this id")
        if row[0] is None:
            raise ValueError("several requests have this id; send their request_id")
        return str(row[0])
