"""The catalogue: which Iceberg tables there are, and where each one's newest metadata is.

On AWS it is Glue's. On a laptop it is two tables in PostgreSQL.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pyiceberg.exceptions import (
    NamespaceAlreadyExistsError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
)
from pyiceberg.io import PY_IO_IMPL

from evergreen.aws import LONG, create_client
from evergreen.lake.file_io import STORAGE, StorageFileIO
from evergreen.lake.table_schema import by_day, by_time, iceberg_schema

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog
    from pyiceberg.table import Table

    from evergreen.lake.tables import TableKind
    from evergreen.model_definition import ModelDefinition
    from evergreen.storage import Storage

GLUE = "glue"
"""The URI of AWS Glue's catalogue, in the account and region of the environment."""
_NAME = "evergreen"
# The catalogue has few tables of its own; another process may make each of them in between.
_CREATIONS = 5
UNREADABLE = (FileNotFoundError, ValueError, ValidationError)
"""What loading a table raises if its metadata is gone or damaged."""
_METADATA_SUFFIX = ".metadata.json"
_PROPERTIES = {
    "write.parquet.compression-codec": "zstd",
    # Each commit writes new metadata. The last ones are enough to find out what happened.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.retry.num-retries": "8",
}


class LakeCatalog:
    """The tables of one deployment.

    Parameters
    ----------
    catalog
        pyiceberg's.
    storage
        The data bucket.
    database
        Name of the deployment's namespace, e.g. ``evergreen_dev``.
    """

    def __init__(self, catalog: Catalog, storage: Storage, database: str) -> None:
        self.catalog = catalog
        self._storage = storage
        self._database = database

    def load(self, kind: TableKind, model: str) -> Table | None:
        """Return a model's table as it is now, None before its first compaction."""
        try:
            return self.catalog.load_table((self._database, kind.table_name(model)))
        except NoSuchTableError:
            return None

    def recover(self, kind: TableKind, model: str) -> bool:
        """Point a table whose metadata cannot be read at the newest that can; say if there is one.

        Where there is none, as in a new bucket, the catalogue forgets the table. Each metadata file
        names rows together with the raw objects that they come from: what an older one does not
        hold is loaded again.
        """
        self.forget(kind, model)
        return self._register(kind, model)

    def forget(self, kind: TableKind, model: str) -> None:
        """Remove a model's table from the catalogue, and leave its files."""
        with suppress(NoSuchTableError):
            self.catalog.drop_table((self._database, kind.table_name(model)))

    def _register(self, kind: TableKind, model: str) -> bool:
        name = (self._database, kind.table_name(model))
        listed = self._storage.list(f"{kind.table_prefix(model)}metadata/")
        keys = [item.key for item in listed if item.key.endswith(_METADATA_SUFFIX)]
        for key in sorted(keys, reverse=True):
            try:
                self.catalog.register_table(name, self._storage.uri(key))
            except TableAlreadyExistsError:
                return True
            except UNREADABLE:
                with suppress(NoSuchTableError):
                    self.catalog.drop_table(name)
            else:
                return True
        return False

    def create(self, kind: TableKind, definition: ModelDefinition) -> Table:
        """Return a model's table, made if there is none.

        A table that the catalogue has lost is found again by its metadata.
        """
        name = (self._database, kind.table_name(definition.name))
        schema = iceberg_schema(kind.schema(definition))
        made: dict[str, Any] = {
            "schema": schema,
            "location": self._storage.uri(kind.table_prefix(definition.name)).rstrip("/"),
            "partition_spec": by_day(schema),
            "sort_order": by_time(schema),
            "properties": _PROPERTIES,
        }
        if not self.catalog.namespace_exists(self._database):
            with suppress(NamespaceAlreadyExistsError):
                self.catalog.create_namespace(self._database)
        with suppress(TableAlreadyExistsError):
            if not self._register(kind, definition.name):
                return self.catalog.create_table(name, **made)
        return self.catalog.load_table(name)


def open_catalog(uri: str, storage: Storage, database: str, glue: Any = None) -> LakeCatalog:  # noqa: ANN401 - boto3 makes its clients at run time
    """Open the catalogue of a deployment.

    Parameters
    ----------
    uri
        :data:`GLUE`, or SQLAlchemy's URI of a database such as ``postgresql+psycopg://…``. The
        catalogue's own tables are made in it if they are not there.
    storage
        The data bucket.
    database
        Name of the deployment's namespace, e.g. ``evergreen_dev``.
    glue
        A client of Glue. By default one is made from the environment.
    """
    files = f"{StorageFileIO.__module__}.{StorageFileIO.__qualname__}"
    properties: dict[str, Any] = {PY_IO_IMPL: files, STORAGE: storage}
    if uri == GLUE:
        from pyiceberg.catalog.glue import GlueCatalog  # noqa: PLC0415 - one of the two is there

        client = glue or create_client("glue", LONG)
        return LakeCatalog(GlueCatalog(_NAME, client, **properties), storage, database)
    return LakeCatalog(_sql_catalog(uri, properties), storage, database)


def _sql_catalog(uri: str, properties: dict[str, Any]) -> Catalog:
    # Only a laptop has these libraries.
    from pyiceberg.catalog.sql import SqlCatalog  # noqa: PLC0415
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415

    catalog = SqlCatalog(_NAME, uri=uri, init_catalog_tables="false", **properties)
    # No connection stays open after its use: a function is frozen between two requests.
    catalog.close()
    catalog.engine = create_engine(uri, poolclass=NullPool)
    for tries_left in reversed(range(_CREATIONS)):
        try:
            catalog.create_tables()
            break
        except DBAPIError:  # another process makes one of these tables at this moment
            if not tries_left:
                raise
    return catalog
