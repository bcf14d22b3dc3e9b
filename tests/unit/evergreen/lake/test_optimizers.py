"""Table optimizers: added once, changed when they differ, and otherwise left alone.

Neither moto nor LocalStack has them, so a table of answers stands in for Glue's. botocore checks
the parameters of every call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest

from evergreen.lake.optimizers import keep_table_optimizers
from tests.support.aws_in_process import account, intercepted, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLE = "arn:aws:iam::123456789012:role/evergreen-dev-table-optimizer"
KINDS = ("compaction", "retention", "orphan_file_deletion")


class GlueOptimizers:
    """The optimizers that Glue has; it adds defaults to what it was told."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.kept: dict[tuple[str, str], dict[str, Any]] = {}
        self.changes: list[str] = []

    def get(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        assert params["CatalogId"] == "123456789012"
        assert params["DatabaseName"] == "evergreen_dev"
        found = self.kept.get((params["TableName"], params["Type"]))
        if found is None:
            raise self.client.exceptions.EntityNotFoundException(
                refusal("EntityNotFoundException").response, "GetTableOptimizer"
            )
        return {"TableOptimizer": {"configuration": {"vpcConfiguration": {}, **found}}}

    def put(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        place = (params["TableName"], params["Type"])
        self.kept[place] = dict(params["TableOptimizerConfiguration"])
        self.changes.append(f"{place[0]}: {place[1]}")
        return {}


@pytest.fixture
def glue() -> Iterator[GlueOptimizers]:
    with account():
        client = boto3.client("glue", region_name="eu-central-1")
        made = GlueOptimizers(client)
        with (
            intercepted(client, "GetTableOptimizer", made.get),
            intercepted(client, "CreateTableOptimizer", made.put),
            intercepted(client, "UpdateTableOptimizer", made.put),
        ):
            yield made


def _keep(glue: GlueOptimizers, *tables: str, role: str = ROLE) -> list[str]:
    return keep_table_optimizers(glue.client, "evergreen_dev", tables, role)


def test_a_new_table_gets_all_three_and_the_next_run_changes_nothing(glue: GlueOptimizers) -> None:
    expected = [f"{table}: {kind}" for table in ("a", "b") for kind in KINDS]
    assert _keep(glue, "a", "b") == expected == glue.changes
    assert _keep(glue, "a", "b") == []
    assert glue.changes == expected
    for configuration in glue.kept.values():
        assert configuration["enabled"] is True
        assert configuration["roleArn"] == ROLE


def test_one_that_is_off_or_has_another_role_is_put_right(glue: GlueOptimizers) -> None:
    _keep(glue, "a")
    glue.kept["a", "retention"]["enabled"] = False
    assert _keep(glue, "a") == ["a: retention"]
    assert _keep(glue, "a", role=f"{ROLE}2") == [f"a: {kind}" for kind in KINDS]


def test_without_tables_glue_is_not_asked(glue: GlueOptimizers) -> None:
    assert _keep(glue) == []
