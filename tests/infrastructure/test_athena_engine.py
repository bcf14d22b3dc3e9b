"""With ``engine = "athena"`` a query reads the log, within limits; by default nothing of it is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cdk.deployment import read_deployment
from evergreen.errors import EvergreenError
from tests.infrastructure.test_state_machine import next_states, reachable, tasks
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

QUERY = "Query the log"
REMOVE = "Remove the query's output"


@pytest.fixture(scope="module", params=["Retraining", "Drift"])
def stack(request: pytest.FixtureRequest, athena: Templates) -> dict[str, Any]:
    template: dict[str, Any] = athena[request.param]
    return template


@pytest.fixture(scope="module")
def definition(stack: dict[str, Any]) -> dict[str, Any]:
    return machine_of(stack)


def machine_of(template: dict[str, Any]) -> dict[str, Any]:
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine").values()
    parsed: dict[str, Any] = json.loads(flat(machine["DefinitionString"]))
    return parsed


def test_the_small_engine_deploys_nothing_of_it(aws: Templates) -> None:
    assert "Queries" not in aws
    kinds = {item["Type"] for template in aws.values() for item in template["Resources"].values()}
    assert not kinds & {"AWS::Athena::WorkGroup", "AWS::Glue::Table"}
    assert "athena" not in json.dumps(aws["Retraining"]).lower()
    assert not resources(aws["Drift"], "AWS::StepFunctions::StateMachine")


def test_a_query_is_limited_and_its_results_are_encrypted(athena: Templates) -> None:
    (group,) = resources(athena["Queries"], "AWS::Athena::WorkGroup").values()
    limits = group["WorkGroupConfiguration"]
    assert limits["EnforceWorkGroupConfiguration"] is True
    assert limits["BytesScannedCutoffPerQuery"] == 100 * 10**9
    results = limits["ResultConfiguration"]
    assert results["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert flat(results["OutputLocation"]).endswith("/queries/results/")


def test_the_used_rows_are_found_by_the_name_of_their_run(athena: Templates) -> None:
    (table,) = resources(athena["Queries"], "AWS::Glue::Table").values()
    about = table["TableInput"]
    assert about["Parameters"]["projection.run.type"] == "injected"
    template = flat(about["Parameters"]["storage.location.template"])
    assert template.endswith("/queries/used/${run}/")
    columns = [column["Name"] for column in about["StorageDescriptor"]["Columns"]]
    assert (columns, about["PartitionKeys"][0]["Name"]) == (["request_id", "row"], "run")


def test_every_state_is_reached_and_every_next_exists(definition: dict[str, Any]) -> None:
    assert reachable(definition, definition["StartAt"]) == set(definition["States"])


def test_every_task_has_a_limit_tries_again_and_says_where_it_goes(
    definition: dict[str, Any],
) -> None:
    for name, task in tasks(definition).items():
        assert 0 < task["TimeoutSeconds"] <= 31 * 60, name
        assert task["Retry"], name
        assert task["Catch"][-1]["ErrorEquals"] == ["States.ALL"], name
    limits = [task["TimeoutSeconds"] for task in tasks(definition).values()]
    assert definition["TimeoutSeconds"] > max(limits)


def test_the_log_is_compacted_then_queried(definition: dict[str, Any]) -> None:
    states = definition["States"]
    compact, prepare, query = (
        states[name] for name in ("Compact the log", "Prepare the query", QUERY)
    )
    assert compact["Parameters"] == {"model.$": "$.model", "include_open": True}
    assert compact["Next"] == "Prepare the query"
    # What could not be compacted does not stop the query of the rest.
    assert compact["Catch"][0]["ErrorEquals"] == ["CompactionError"]
    assert compact["Catch"][0]["Next"] == "Prepare the query"
    assert prepare["Parameters"]["action"] == "prepare"
    assert QUERY in next_states(states[prepare["Next"]])
    assert query["Resource"].endswith(":states:::athena:startQueryExecution.sync")
    assert query["Parameters"]["WorkGroup"] == "evergreen-dev-queries"


def test_each_attempt_of_a_query_writes_to_a_place_of_its_own(definition: dict[str, Any]) -> None:
    query = definition["States"][QUERY]
    text = query["Parameters"]["QueryString.$"]
    assert text.startswith("States.Format($.query.unload, ")
    assert text.endswith("$.query.select, $.query.location, $$.State.RetryCount)")
    *_, failed = query["Retry"]
    # What failed is paid for, so it is not tried often.
    assert (failed["ErrorEquals"], failed["MaxAttempts"]) == (["States.TaskFailed"], 1)


def test_however_it_ends_the_output_is_removed(definition: dict[str, Any]) -> None:
    without = {**definition, "States": {**definition["States"], REMOVE: {"Type": "Removed"}}}
    ends = {"Succeed", "Fail"}
    after = reachable(without, "Compact the log")
    assert not [name for name in after if without["States"][name]["Type"] in ends]
    remove = definition["States"][REMOVE]
    assert remove["Parameters"]["action"] == "remove"
    # A failed removal changes nothing else: the lifecycle rule removes what is left.
    assert [catch["Next"] for catch in remove["Catch"]] == [remove["Next"]]


def test_what_is_left_is_deleted_after_a_day(athena: Templates) -> None:
    rules = [
        rule
        for bucket in resources(athena["Storage"], "AWS::S3::Bucket").values()
        for rule in bucket["LifecycleConfiguration"]["Rules"]
        if rule.get("Prefix") == "queries/"
    ]
    (rule,) = rules
    assert rule["ExpirationInDays"] == 1
    assert rule["NoncurrentVersionExpiration"]["NoncurrentDays"] == 1


@pytest.mark.parametrize(
    ("template", "state"), [("Retraining", "Build the dataset"), ("Drift", "Check for drift")]
)
def test_rows_for_what_is_no_longer_in_production_are_asked_for_again(
    athena: Templates, template: str, state: str
) -> None:
    states = machine_of(athena[template])["States"]
    catch = states[state]["Catch"][0]
    assert catch["ErrorEquals"] == ["OutdatedQueryError"]
    assert (catch["Next"], catch["ResultPath"]) == ("Prepare the query", None)


def test_the_data_set_is_built_from_the_query_without_reading_the_log(athena: Templates) -> None:
    read = {
        flat(resource).split(">/", 1)[-1]
        for statement in statements(athena["Retraining"], "BuildDatasetRole")
        if "s3:GetObject" in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert any(name.endswith("queries/*") for name in read)
    assert not any("request-log" in name or "labels" in name for name in read)
    (told,) = (
        function["Environment"]["Variables"]
        for name, function in resources(athena["Retraining"], "AWS::Lambda::Function").items()
        if name.startswith("BuildDataset")
    )
    assert {"EVERGREEN_LAKE_CATALOG", "EVERGREEN_LAKE_DATABASE"} <= told.keys()


def test_a_query_reads_tables_and_writes_below_its_own_prefix(stack: dict[str, Any]) -> None:
    (role,) = (name for name in resources(stack, "AWS::IAM::Role") if "StateMachineRole" in name)
    found = statements(stack, role)
    rights: dict[str, set[str]] = {}
    for statement in found:
        for action in listed(statement["Action"]):
            names = {flat(resource) for resource in listed(statement["Resource"])}
            rights.setdefault(action, set()).update(names)
    written = {name.rpartition("/queries/")[1] for name in rights["s3:PutObject"]}
    assert written == {"/queries/"}
    assert all("/raw/" not in name for name in rights["s3:GetObject"])
    assert all(
        ":workgroup/evergreen-dev-queries" in one for one in rights["athena:StartQueryExecution"]
    )
    tables = {
        name.rpartition(":table/")[2] for name in rights["glue:GetTable"] if ":table/" in name
    }
    assert "evergreen_dev/flight_delay_request_log" in tables
    assert not [name for name in tables if "*" in name]
    assert not [
        action for action in rights if action.startswith(("glue:", "s3:")) and "*" in action
    ]


def test_the_schedules_start_the_state_machine_of_the_check(athena: Templates) -> None:
    rules = resources(athena["Drift"], "AWS::Events::Rule").values()
    checks = [rule for rule in rules if "ScheduleExpression" in rule]
    assert checks
    for rule in checks:
        (target,) = rule["Targets"]
        assert "StateMachine" in flat(target["Arn"])
        assert set(json.loads(target["Input"])) == {"model", "window"}
        assert "DeadLetterConfig" in target


def test_a_failed_check_raises_an_alarm(athena: Templates, aws: Templates) -> None:
    alarms = [
        {
            each["Properties"]["AlarmName"]
            for each in template["Monitoring"]["Resources"].values()
            if each["Type"] == "AWS::CloudWatch::Alarm"
        }
        for template in (athena, aws)
    ]
    more = {name.rpartition("-")[2] for name in alarms[0] - alarms[1]}
    assert more == {"DriftCheckFailed", "DriftCheckTimedOut"}


def test_names_that_are_one_column_for_athena_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "plant"
    folder.mkdir()
    (folder / "model.toml").write_text(
        'name = "plant"\ntask = "regression"\ntarget = "height"\n'
        '[features]\nWater = { type = "float" }\nwater = { type = "float" }\n'
    )
    assert read_deployment({}, tmp_path).models
    with pytest.raises(EvergreenError, match="'Water' and 'water' are one column"):
        read_deployment({"engine": "athena"}, tmp_path)
