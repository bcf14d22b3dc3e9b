"""The tables of a lake, in a catalogue that is gone when the test is."""

from __future__ import annotations

import copy
import weakref
from typing import TYPE_CHECKING, cast

from sqlalchemy import StaticPool, create_engine

from evergreen.lake.catalog import LakeCatalog, open_catalog
from evergreen.lake.file_io import STORAGE

if TYPE_CHECKING:
    from pathlib import Path

    from pyiceberg.catalog.sql import SqlCatalog

    from evergreen.storage import Storage

DATABASE = "evergreen_test"


def catalog_in(
    storage: Storage, folder: Path | None = None, database: str = DATABASE
) -> LakeCatalog:
    """Open a catalogue in SQLite: in memory, or in a folder for several threads and kills."""
    place = ":memory:" if folder is None else str(folder / "catalog.sqlite")
    uri = f"sqlite:///{place}"
    found = open_catalog(uri, storage, database)
    if folder is None:
        catalog = cast("SqlCatalog", found.catalog)
        # One connection for all threads, as the database is gone with its last connection.
        how = {"check_same_thread": False}
        catalog.engine = create_engine(uri, poolclass=StaticPool, connect_args=how)
        catalog.create_tables()
        # Python warns of connections that nobody closes.
        weakref.finalize(catalog.engine, catalog.engine.pool.dispose)
    return found


def seen_through(catalog: LakeCatalog, storage: Storage) -> LakeCatalog:
    """Return the same catalogue, whose files are reached through another view on the bucket."""
    other = copy.copy(catalog.catalog)
    other.properties = {**other.properties, STORAGE: storage}
    return LakeCatalog(other, storage, DATABASE)
