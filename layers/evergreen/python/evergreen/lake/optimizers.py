"""Table optimizers: AWS Glue rewrites small files of a table and removes its old ones.

They belong to a table, so they can exist only after the first compaction has made it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.literals import TableOptimizerTypeType
    from mypy_boto3_glue.type_defs import TableOptimizerConfigurationTypeDef

KEPT_DAYS = 7
"""How long a snapshot can be read after it was replaced, and an unknown file is kept, in days."""
_HOURS_BETWEEN_RUNS = 24 * 7
"""AWS bills each run, and an idle table should cost next to nothing."""

_CONFIGURATIONS: Mapping[TableOptimizerTypeType, TableOptimizerConfigurationTypeDef] = {
    "compaction": {"compactionConfiguration": {"icebergConfiguration": {"strategy": "sort"}}},
    "retention": {
        "retentionConfiguration": {
            "icebergConfiguration": {
                "snapshotRetentionPeriodInDays": KEPT_DAYS,
                "numberOfSnapshotsToRetain": 1,
                "cleanExpiredFiles": True,
                "runRateInHours": _HOURS_BETWEEN_RUNS,
            }
        }
    },
    "orphan_file_deletion": {
        "orphanFileDeletionConfiguration": {
            "icebergConfiguration": {
                "orphanFileRetentionPeriodInDays": KEPT_DAYS,
                "runRateInHours": _HOURS_BETWEEN_RUNS,
            }
        }
    },
}


def keep_table_optimizers(
    client: GlueClient, database: str, tables: Iterable[str], role: str
) -> list[str]:
    """Give tables the optimizers that they should have; return those that were added or changed.

    Parameters
    ----------
    client
        A client of Glue.
    database, tables
        The Glue database, and the names of tables that exist in it.
    role
        ARN of the role in which the optimizers run, of the account that has the database.

    Returns
    -------
    list of str
        Such as ``m_labels: retention``.
    """
    account = role.split(":")[4]
    changed = []
    for table in tables:
        place = {"CatalogId": account, "DatabaseName": database, "TableName": table}
        for kind, configuration in _CONFIGURATIONS.items():
            wanted: TableOptimizerConfigurationTypeDef = {
                "roleArn": role,
                "enabled": True,
                **configuration,
            }
            if _keep(client, place, kind, wanted):
                changed.append(f"{table}: {kind}")
    return changed


def _keep(
    client: GlueClient,
    place: dict[str, str],
    kind: TableOptimizerTypeType,
    wanted: TableOptimizerConfigurationTypeDef,
) -> bool:
    options: Any = {**place, "Type": kind, "TableOptimizerConfiguration": wanted}
    try:
        found = client.get_table_optimizer(**place, Type=kind)
    except client.exceptions.EntityNotFoundException:
        client.create_table_optimizer(**options)
        return True
    if _holds(found.get("TableOptimizer", {}).get("configuration", {}), wanted):
        return False
    client.update_table_optimizer(**options)
    return True


def _holds(found: Any, wanted: Any) -> bool:  # noqa: ANN401 - parts of an answer
    """Say whether an answer has every value that is wanted; AWS adds defaults of its own."""
    if isinstance(wanted, dict):
        return all(_holds((found or {}).get(name), value) for name, value in wanted.items())
    return bool(found == wanted)
