"""A lake of one model in a folder: what lands in it, what a compaction does, what is read."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from evergreen.clock import to_text, utc_now
from evergreen.lake.compaction import CompactionReport, compact
from evergreen.lake.reader import Lake
from evergreen.lake.tables import LABELS, REQUEST_LOG, TableKind
from evergreen.model_definition import ModelDefinition
from tests.support.folder_bucket import Folder
from tests.support.lake_tables import catalog_in, seen_through
from tests.support.log_records import encode, request_records

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.storage import Storage, StoredObject

DEFINITION = ModelDefinition.model_validate(
    {"name": "m", "task": "regression", "target": "y", "features": {"a": {"type": "float"}}}
)
NOW = utc_now()
LATER = NOW + timedelta(hours=2)
"""After all that a test lands, of which the folder itself notes the time."""
RECENT = NOW.date() - timedelta(days=1)
DAY_BEFORE = RECENT - timedelta(days=1)
LONG_AGO = RECENT - timedelta(days=25)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def land(
    storage: Storage, name: str, request_id: str, day: date = RECENT, rows: int = 1, **moved: Any
) -> str:
    """Land an object with a request's rows; ``moved`` is added to noon, the time of the request."""
    records = request_records(
        timestamp=noon(day) + timedelta(**moved),
        request_id=request_id,
        definition=DEFINITION,
        model_version="1",
        rows=[{"a": 1.5}] * rows,
        outputs=[10.0] * rows,
        confidences=None,
        metadata={"role": "champion"},
    )
    key = f"{REQUEST_LOG.raw_prefix('m', day)}12/{name}"
    storage.put(key, b"".join(map(encode, records)))
    return key


def land_label(
    storage: Storage, day: date = RECENT, name: str | None = None, **changes: Any
) -> str:
    """Land an object with one label of request ``r1``."""
    moment = to_text(noon(day) + timedelta(hours=1))
    record = {
        "timestamp": moment,
        "request_id": "r1",
        "row": 0,
        "model": "m",
        "label": 1.0,
        "observed_at": moment,
    }
    key = f"{LABELS.raw_prefix('m', day)}13/{name or len(changes)}"
    storage.put(key, encode(record | changes))
    return key


class SmallLake:
    """The lake of :data:`DEFINITION` in a folder.

    ``storage`` may be another view on the folder: one that fails, or whose process ends.
    """

    def __init__(
        self, path: Path, storage: Storage | None = None, *, on_disk: bool = False
    ) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.storage = storage or Folder(path)
        self.catalog: LakeCatalog = catalog_in(self.storage, path if on_disk else None)

    def seen_by(self, storage: Storage) -> SmallLake:
        """Return the same lake, used through another view on the folder."""
        other = copy.copy(self)
        other.storage, other.catalog = storage, seen_through(self.catalog, storage)
        return other

    def compact(self, **how: Any) -> CompactionReport:
        told: dict[str, Any] = {"include_open": True, "clock": lambda: LATER} | how
        return compact(self.storage, self.catalog, DEFINITION, **told)

    def reader(self) -> Lake:
        return Lake(self.storage, self.catalog, clock=lambda: NOW)

    def ids(self, kind: TableKind = REQUEST_LOG) -> list[str]:
        """Return the request ids of all rows."""
        lake = self.reader()
        read = lake.predictions if kind is REQUEST_LOG else lake.labels
        table = read(DEFINITION, NOW - timedelta(days=40), NOW + timedelta(days=2))
        return sorted(table["request_id"].to_pylist())

    def stored(self, prefix: str = "") -> list[str]:
        return [item.key for item in self.storage.list(prefix)]

    def raw(self) -> list[str]:
        return [key for key in self.stored() if "/raw/" in key]

    def data_files(self, kind: TableKind = REQUEST_LOG) -> list[str]:
        return self.stored(f"{kind.table_prefix('m')}data/")


class Aged(Folder):
    """A bucket whose objects are as old as the test says."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.ages: dict[str, timedelta] = {}

    def list(self, prefix: str, start_after: str = "") -> Iterator[StoredObject]:
        for item in super().list(prefix, start_after):
            yield replace(item, modified=LATER - self.ages.get(item.key, timedelta(0)))
