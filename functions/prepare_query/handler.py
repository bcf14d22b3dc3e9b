"""Lambda: prepare a query of the log, or remove what the queries of an execution have written.

Event: ``{"action": "prepare", "model": …, "execution": …}`` for the rows of a data set, or with
``"window": "24 hours"`` (optionally ``"end"``) for a drift check. The answer is a ``query`` with
the ``select`` to unload, the ``location`` to unload it to, and ``unload``: the statement, with a
place for each of them and for the number of the attempt.
``{"action": "remove", "model": …, "execution": …}`` deletes the output.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal

from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, RootModel

from evergreen.aws import LONG
from evergreen.bundle.served import served_definition, with_known_labels
from evergreen.bundle.store import read_signature
from evergreen.clock import to_text, utc_now
from evergreen.datasets.manifest import read_manifest
from evergreen.datasets.new_rows import labelled_since, prepare_new_rows
from evergreen.drift.window_query import window_query
from evergreen.errors import NoProductionModelError
from evergreen.lake.query_places import USED_ROWS, output_prefix, used_rows_prefix
from evergreen.lake.sent_features import sent_features
from evergreen.lake.sql import SqlTables, quoted_name, tables_of
from evergreen.lake.tables import REQUEST_LOG
from evergreen.model_definition import ModelDefinition, Period, find_definition
from evergreen.production import ProductionPointer
from evergreen.storage import Storage
from functions.prepare_query.settings import settings
from functions.shared import clients
from functions.shared.finished_query import OptionalMoment
from functions.shared.lake import tables
from functions.shared.logs import create_logger

logger = create_logger()

_UNLOAD = "UNLOAD ({}) TO '{}{}/' WITH (format = 'PARQUET', compression = 'SNAPPY')"


class Prepare(BaseModel):
    """The request for a query."""

    model_config = ConfigDict(frozen=True)

    action: Literal["prepare"]
    model: str
    execution: str
    window: Period | None = None
    end: OptionalMoment = None


class Remove(BaseModel):
    """The request to delete what the queries of an execution have written."""

    model_config = ConfigDict(frozen=True)

    action: Literal["remove"]
    model: str
    execution: str


class Request(RootModel[Annotated[Prepare | Remove, Field(discriminator="action")]]):
    """A request of either kind."""


@logger.inject_lambda_context
def handler(event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    """Prepare a query, or remove its output.

    Raises
    ------
    NoProductionModelError
        If a data set is asked for and no version is in production.
    """
    request = Request.model_validate(event).root
    definition = find_definition(settings().models, request.model)
    storage = clients.storage(settings().bucket, LONG)
    owner = f"{definition.name}-{hashlib.sha256(request.execution.encode()).hexdigest()[:12]}-"
    if isinstance(request, Remove):
        removed = sum(
            storage.delete_below(prefix)
            for prefix in (output_prefix(owner), used_rows_prefix(owner))
        )
        logger.info("output of queries removed", extra={"objects": removed})
        return {"removed": removed}
    pointer = clients.production(settings().stage, LONG).read(definition.name)
    now = utc_now()
    # Each attempt has a place of its own: Athena refuses to write where something is.
    run = f"{owner}{now:%Y%m%dT%H%M%S%f}"
    location = storage.uri(output_prefix(run) + "/")
    if request.window is None:
        prepared = _new_rows(storage, definition, pointer, run, now)
    elif pointer is None:
        return {"found": False}
    else:
        end = request.end or now
        # As the check itself: what is asked for is what the bundle was trained on.
        served = served_definition(definition, read_signature(storage, pointer))
        prepared = _window(served, pointer, end - request.window, end, now)
    logger.info("query prepared", extra={"run": run, **prepared})
    return {"found": True, "unload": _UNLOAD, "location": location, **prepared}


def _new_rows(
    storage: Storage,
    definition: ModelDefinition,
    pointer: ProductionPointer | None,
    run: str,
    now: datetime,
) -> dict[str, Any]:
    if pointer is None:
        raise NoProductionModelError(
            "no version is in production whose data set could be extended",
            where=definition.name,
            fix="Train and promote a first model by hand.",
        )
    manifest = read_manifest(storage, definition.name, pointer.reference_dataset_id)
    start = labelled_since(manifest) - definition.retraining.label_wait
    select = prepare_new_rows(
        storage,
        with_known_labels(definition, read_signature(storage, pointer)),
        manifest,
        tables=_tables(definition, start, now),
        used_table=quoted_name(settings().query_database, USED_ROWS),
        run=run,
        now=now,
    )
    return {"select": select, "subject": manifest.dataset_id}


def _window(
    definition: ModelDefinition,
    pointer: ProductionPointer,
    start: datetime,
    end: datetime,
    now: datetime,
) -> dict[str, Any]:
    select = window_query(
        definition,
        _tables(definition, start, end),
        pointer.version,
        start=start,
        end=end,
        now=now,
    )
    return {"select": select, "subject": pointer.version, "end": to_text(end)}


def _tables(definition: ModelDefinition, start: datetime, end: datetime) -> SqlTables:
    log = tables(settings()).load(REQUEST_LOG, definition.name)
    sent = sent_features(log, definition, start, end)
    return tables_of(settings().lake_database, definition.name, sent)
