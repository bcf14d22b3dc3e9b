"""The lake's catalogue: who may use it, who is told of it, and who keeps its tables in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cdk.settings import read_settings
from evergreen.errors import EvergreenError
from tests.infrastructure.test_least_privilege import keys_of
from tests.infrastructure.test_stacks import functions
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates

OF_THE_LAKE = {
    "evergreen-dev-compact-logs",
    "evergreen-dev-check-drift",
    "evergreen-dev-build-dataset",
    "evergreen-dev-compare-shadow",
}
READERS = [
    ("Drift", "CheckDriftRole"),
    ("Retraining", "BuildDatasetRole"),
    ("Retraining", "CompareShadowRole"),
]
LOOK_UP = {"glue:GetDatabase", "glue:GetTable", "glue:GetTables"}
CHANGE = {"glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable"}
OPTIMIZERS = {
    "glue:CreateTableOptimizer",
    "glue:GetTableOptimizer",
    "glue:UpdateTableOptimizer",
}
TABLES = {"request-log/table/*", "labels/table/*"}
OPTIMIZER = "CompactLogsTableOptimizerRole"


def variables(templates: Templates, name: str) -> dict[str, Any]:
    return {
        function: properties["Environment"]["Variables"][name]
        for function, properties in functions(templates).items()
        if name in properties["Environment"]["Variables"]
    }


def on_glue(template: dict[str, Any], role: str) -> dict[str, set[str]]:
    """Return what a role may do to which resources of Glue."""
    return {
        action: {flat(resource).split(":", 5)[-1] for resource in listed(statement["Resource"])}
        for statement in statements(template, role)
        for action in listed(statement["Action"])
        if action.startswith("glue:")
    }


def test_each_stage_has_a_database_and_an_emulator_without_glue_has_none(
    aws: Templates, emulator: Templates
) -> None:
    (database,) = resources(aws["Storage"], "AWS::Glue::Database").values()
    assert database["DatabaseInput"]["Name"] == "evergreen_dev"
    assert not resources(emulator["Storage"], "AWS::Glue::Database")


def test_what_uses_the_lake_is_told_its_catalogue(aws: Templates, emulator: Templates) -> None:
    assert variables(aws, "EVERGREEN_LAKE_CATALOG") == dict.fromkeys(OF_THE_LAKE, "glue")
    told = variables(emulator, "EVERGREEN_LAKE_CATALOG")
    assert set(told) == OF_THE_LAKE
    assert {uri.split(":")[0] for uri in told.values()} == {"postgresql+psycopg"}
    for templates in (aws, emulator):
        names = variables(templates, "EVERGREEN_LAKE_DATABASE")
        assert names == dict.fromkeys(OF_THE_LAKE, "evergreen_dev")


def test_only_an_emulators_functions_carry_the_sql_catalogue(
    aws: Templates, emulator: Templates
) -> None:
    def with_layer(templates: Templates) -> set[str]:
        return {
            name
            for name, each in functions(templates).items()
            if any("sqlcatalog" in flat(layer).lower() for layer in each.get("Layers", []))
        }

    assert with_layer(aws) == set()
    assert with_layer(emulator) == OF_THE_LAKE


@pytest.mark.parametrize(("stack", "role"), READERS)
def test_readers_look_tables_up_and_change_none(aws: Templates, stack: str, role: str) -> None:
    allowed = on_glue(aws[stack], role)
    assert set(allowed) == LOOK_UP
    for resources_ in allowed.values():
        assert resources_ == {"catalog", "database/evergreen_dev", "table/evergreen_dev/*"} or {
            name.split(":")[-1] for name in resources_
        } == {"catalog", "database/evergreen_dev", "table/evergreen_dev/*"}
    assert {"request-log/*", "labels/*"} <= keys_of(aws[stack], role, "s3:GetObject")


def test_only_the_compaction_makes_and_changes_tables(aws: Templates) -> None:
    changing = {
        (stack, role["Ref"].split("DefaultPolicy")[0])
        for stack, template in aws.items()
        for policy in resources(template, "AWS::IAM::Policy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if CHANGE & {*listed(statement["Action"])}
        for role in policy["Roles"]
    }
    assert {(stack, role[: role.index("Role") + 4]) for stack, role in changing} == {
        ("Serving", "CompactLogsRole"),
        ("Serving", OPTIMIZER),
    }
    allowed = on_glue(aws["Serving"], "CompactLogsRole")
    assert set(allowed) == LOOK_UP | OPTIMIZERS | CHANGE


def test_optimizers_run_in_a_role_that_reaches_the_tables_and_nothing_else(aws: Templates) -> None:
    serving = aws["Serving"]
    (role,) = (
        each
        for name, each in resources(serving, "AWS::IAM::Role").items()
        if name.startswith(OPTIMIZER)
    )
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "glue.amazonaws.com"}
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert keys_of(serving, OPTIMIZER, action) == TABLES
    assert set(on_glue(serving, OPTIMIZER)) == {"glue:GetTable", "glue:UpdateTable"}
    found = statements(serving, OPTIMIZER)
    assert {action for each in found for action in listed(each["Action"])} == {
        *("glue:GetTable", "glue:UpdateTable", "kms:Decrypt", "kms:GenerateDataKey"),
        *("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"),
        *("s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"),
    }


def test_the_compaction_hands_that_role_to_glue_and_to_nobody_else(aws: Templates) -> None:
    (passing,) = (
        each
        for each in statements(aws["Serving"], "CompactLogsRole")
        if "iam:PassRole" in listed(each["Action"])
    )
    assert flat(passing["Resource"]).startswith(f"<{OPTIMIZER}")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": "glue.amazonaws.com"}}
    (told,) = variables(aws, "EVERGREEN_TABLE_OPTIMIZER_ROLE").values()
    assert flat(told) == flat(passing["Resource"])


def test_with_upkeep_by_the_function_there_are_no_optimizers(unusual: Templates) -> None:
    serving = unusual["Serving"]
    assert not [name for name in resources(serving, "AWS::IAM::Role") if name.startswith(OPTIMIZER)]
    assert not set(on_glue(serving, "CompactLogsRole")) & OPTIMIZERS
    assert not variables(unusual, "EVERGREEN_TABLE_OPTIMIZER_ROLE")


def test_an_sql_catalogue_is_for_emulators_only() -> None:
    assert read_settings({"lake_catalog": "sqlite://", "emulator": True}).lake_catalog
    with pytest.raises(EvergreenError, match="lake_catalog: AWS has Glue"):
        read_settings({"lake_catalog": "sqlite://"})


def test_no_rule_of_the_bucket_removes_a_file_of_a_table_by_its_age(aws: Templates) -> None:
    buckets = resources(aws["Storage"], "AWS::S3::Bucket")
    (data,) = (each for name, each in buckets.items() if name.startswith("Data"))
    for rule in data["LifecycleConfiguration"]["Rules"]:
        if "ExpirationInDays" in rule or "Transitions" in rule:
            assert rule["Prefix"].split("/")[0] not in {"request-log", "labels", ""}
