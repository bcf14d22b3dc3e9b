"""The lake of a function: the tables of the request log and of the ground truth."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from evergreen.aws import LONG
from evergreen.lake.catalog import GLUE, LakeCatalog, open_catalog
from evergreen.lake.reader import Lake
from functions.shared import clients

if TYPE_CHECKING:
    from functions.shared.environment import LakeEnvironment


def lake(settings: LakeEnvironment) -> Lake:
    """Return the lake, for reading."""
    return Lake(clients.storage(settings.bucket, LONG), tables(settings))


def tables(settings: LakeEnvironment) -> LakeCatalog:
    """Return the catalogue of the tables; it is opened once."""
    return _tables(settings.lake_catalog, settings.bucket, settings.lake_database)


@cache
def _tables(uri: str, bucket: str, database: str) -> LakeCatalog:
    glue = clients.aws_client("glue", LONG) if uri == GLUE else None
    return open_catalog(uri, clients.storage(bucket, LONG), database, glue)
