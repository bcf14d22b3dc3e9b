"""Upkeep of a model's tables after a compaction: by Glue's optimizers, or by this function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evergreen.aws import LONG
from evergreen.lake.compaction import Failure
from evergreen.lake.optimizers import keep_table_optimizers
from evergreen.lake.tables import LABELS, REQUEST_LOG
from evergreen.lake.upkeep import maintain
from functions.compact_logs.settings import settings
from functions.shared import clients
from functions.shared.lake import tables

if TYPE_CHECKING:
    from evergreen.lake.compaction import CompactionReport
    from evergreen.model_definition import ModelDefinition


def keep_up(definition: ModelDefinition, report: CompactionReport) -> dict[str, Any]:
    """Keep up the tables of a model, and return what was done; failures go into the report.

    With a role for Glue's optimizers, the tables get these, and Glue does the rest.
    """
    role = settings().optimizer_role
    if role is not None:
        return {"model": definition.name, "optimizers": _optimizers(definition, report, role)}
    storage = clients.storage(settings().bucket, LONG)
    done = maintain(storage, tables(settings()), definition)
    report.failures += [
        Failure(table, definition.name, table, reason) for table, reason in done.failures
    ]
    return {
        "model": definition.name,
        "rewritten": done.rewritten,
        "snapshots": done.snapshots,
        "removed": done.removed,
    }


def _optimizers(definition: ModelDefinition, report: CompactionReport, role: str) -> list[str]:
    model, changed = definition.name, []
    client = clients.aws_client("glue", LONG)
    for kind in (REQUEST_LOG, LABELS):
        try:
            if tables(settings()).load(kind, model) is not None:
                names = [kind.table_name(model)]
                database = settings().lake_database
                changed += keep_table_optimizers(client, database, names, role)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other table goes on
            report.fail(kind, model, kind.table_name(model), error)
    return changed
