"""The state machine's definition as it is deployed; the emulator accepts one that cannot run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.errors import RegistryUnavailableError
from evergreen.events import EVENT_MODELS, EVENT_SCHEMA_VERSION, SOURCE
from tests.support.templates import flat, resources

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Templates

MOST_SECONDS = (90 + 30) * 60
"""The work of all states, and half an hour for an MLflow server that is away."""


@pytest.fixture(scope="module")
def machine(aws: Templates) -> dict[str, Any]:
    (only,) = resources(aws["Retraining"], "AWS::StepFunctions::StateMachine").values()
    return only


@pytest.fixture(scope="module")
def definition(machine: dict[str, Any]) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(flat(machine["DefinitionString"]))
    return parsed


def next_states(state: dict[str, Any]) -> set[str]:
    branches = [state, *state.get("Choices", []), *state.get("Catch", [])]
    names = {branch["Next"] for branch in branches if "Next" in branch}
    return names | ({state["Default"]} if "Default" in state else set())


def reachable(definition: dict[str, Any], start: str) -> set[str]:
    seen: set[str] = set()
    waiting = {start}
    while waiting:
        name = waiting.pop()
        seen.add(name)
        waiting |= next_states(definition["States"][name]) - seen
    return seen


def tasks(definition: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: state for name, state in definition["States"].items() if state["Type"] == "Task"}


def function_of(task: dict[str, Any]) -> str:
    return str(task["Resource"]).removeprefix("<").split("Function")[0]


def test_every_state_is_reached_and_every_next_exists(definition: dict[str, Any]) -> None:
    assert reachable(definition, definition["StartAt"]) == set(definition["States"])


def test_it_speaks_jsonpath_only(definition: dict[str, Any]) -> None:
    languages = {state.get("QueryLanguage") for state in definition["States"].values()}
    assert languages | {definition.get("QueryLanguage")} <= {None, "JSONPath"}


def test_every_task_has_a_timeout_and_the_whole_has_one(definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] <= MOST_SECONDS
    assert all(0 < task["TimeoutSeconds"] <= 16 * 60 for task in tasks(definition).values())


def test_every_task_says_where_it_goes_when_it_fails(definition: dict[str, Any]) -> None:
    for name, task in tasks(definition).items():
        caught = [error for catch in task["Catch"] for error in catch["ErrorEquals"]]
        assert caught[-1] == "States.ALL", name


def test_every_task_is_tried_again_when_the_service_failed(definition: dict[str, Any]) -> None:
    assert all(task["Retry"] for task in tasks(definition).values())


def test_what_may_need_mlflow_waits_half_an_hour_for_it(definition: dict[str, Any]) -> None:
    calls = [task for task in tasks(definition).values() if "states:::" not in task["Resource"]]
    assert len(calls) >= 8
    for call in calls:
        (away,) = [
            each
            for each in call["Retry"]
            if RegistryUnavailableError.__name__ in each["ErrorEquals"]
        ]
        assert away["IntervalSeconds"] * away["MaxAttempts"] == 30 * 60
        assert away["BackoffRate"] == 1


def test_the_functions_are_called_in_order(definition: dict[str, Any]) -> None:
    called, name = [], "Validate the request"
    while definition["States"][name]["Type"] == "Task":
        called.append(function_of(definition["States"][name]))
        name = definition["States"][name]["Next"]
        if name == "Is there a data set?":
            (given,) = definition["States"][name]["Choices"]
            assert given == {
                "Variable": "$.dataset_id",
                "IsPresent": True,
                "Next": "Study the uploaded rows",
            }
            study = definition["States"]["Study the uploaded rows"]
            assert function_of(study) == "BuildDataset"
            assert study["Next"] == study["Catch"][0]["Next"] == "Train a challenger"
            name = definition["States"][name]["Default"]
    assert called == [
        *("ValidateRequest", "TakeLock", "BuildDataset", "Train", "RegisterChallenger"),
        "Evaluate",
    ]
    assert next_states(definition["States"][name]) == {
        "Put it into the shadow",
        "Promote the challenger",
        "Clean up the challenger",
    }


def test_a_challenger_is_promoted_at_once_only_where_no_shadow_is_asked_for(
    definition: dict[str, Any],
) -> None:
    first, second = definition["States"]["Is the challenger better?"]["Choices"]
    assert first["And"] == [
        {"Variable": "$.decision", "StringEquals": "promote"},
        {"Variable": "$.shadow_predictions", "NumericGreaterThan": 0},
    ]
    assert (second["Variable"], second["StringEquals"]) == ("$.decision", "promote")
    assert first["Next"] == "Put it into the shadow"
    assert second["Next"] == "Promote the challenger"


def test_the_shadow_is_looked_at_until_there_is_a_verdict(definition: dict[str, Any]) -> None:
    states = definition["States"]
    assert states["Put it into the shadow"]["Next"] == "Let it score live traffic"
    wait = states["Let it score live traffic"]
    assert (wait["SecondsPath"], wait["Next"]) == (
        "$.shadow.wait_seconds",
        "Compare in the shadow",
    )
    verdict = states[states["Compare in the shadow"]["Next"]]
    assert {choice["StringEquals"]: choice["Next"] for choice in verdict["Choices"]} == {
        "waiting": "Let it score live traffic",
        "promote": "Promote the challenger",
    }
    assert verdict["Default"] == "Clean up the challenger"


@pytest.mark.parametrize("name", ["Put it into the shadow", "Compare in the shadow"])
def test_a_shadow_stage_that_fails_empties_the_slot(definition: dict[str, Any], name: str) -> None:
    (catch,) = definition["States"][name]["Catch"]
    assert definition["States"][catch["Next"]]["Next"] == "Take it out of the shadow"
    assert definition["States"]["Take it out of the shadow"]["Next"] == "Release the lock"


@pytest.mark.parametrize(
    "folder", ["BuildDataset", "Train", "RegisterChallenger", "Evaluate", "Promote", "CleanUp"]
)
def test_whatever_fails_under_the_lock_is_noted_and_releases_it(
    definition: dict[str, Any], folder: str
) -> None:
    ((name, task),) = (
        (name, task)
        for name, task in tasks(definition).items()
        if function_of(task) == folder and name != "Study the uploaded rows"  # it goes on
    )
    catch = task["Catch"][-1]
    assert (catch["ErrorEquals"], catch["ResultPath"]) == (["States.ALL"], "$.error")
    note = definition["States"][catch["Next"]]
    assert (note["Result"]["step"], note["ResultPath"]) == (name, "$.failed")
    assert note["Next"] == "Release the lock"


def test_a_challenger_that_beat_what_is_no_longer_there_is_evaluated_again(
    definition: dict[str, Any],
) -> None:
    first, _ = definition["States"]["Promote the challenger"]["Catch"]
    assert first["ErrorEquals"] == ["OutdatedComparisonError"]
    assert (first["Next"], first["ResultPath"]) == ("Evaluate both", None)


def test_a_failure_ends_by_saying_which_step_it_was(definition: dict[str, Any]) -> None:
    states = definition["States"]
    gather = states["Say what failed"]
    # A state whose time was over has no cause: the note's stands in.
    assert gather["Parameters"]["about.$"] == "States.JsonMerge($.failed, $.error, false)"
    report = states[gather["Next"]]
    assert report["Next"] == "Failed"
    entry = report["Parameters"]["Entries"][0]
    assert entry["DetailType"] == "Retraining Failed"
    assert entry["Detail"]["step.$"] == "$.failure.about.step"
    assert "$.failure.about.step" in states["Failed"]["CausePath"]


def test_every_failure_has_what_the_report_needs(definition: dict[str, Any]) -> None:
    before = [
        name
        for name, state in definition["States"].items()
        if "Say what failed" in next_states(state)
    ]
    assert sorted(before) == sorted(
        [
            *("Validate the request: failed", "Take the lock: failed", "Refuse the request"),
            *("Release the lock: failed", "How did it end?"),
        ]
    )


def test_no_path_from_the_work_ends_without_the_release(definition: dict[str, Any]) -> None:
    ends = {"Succeed", "Fail"}
    without = {**definition, "States": {**definition["States"]}}
    without["States"]["Release the lock"] = {"Type": "Removed"}
    states = reachable(without, "Build the dataset")
    assert not [name for name in states if without["States"][name]["Type"] in ends]


def test_a_lock_that_another_holds_is_left_alone(definition: dict[str, Any]) -> None:
    first, second = definition["States"]["Take the lock"]["Catch"]
    assert first["ErrorEquals"] == ["RetrainingInProgressError"]
    assert second["ErrorEquals"] == ["States.ALL"]
    for catch in (first, second):
        assert "Release the lock" not in reachable(definition, catch["Next"])


@pytest.mark.parametrize(
    ("form", "path", "trigger"),
    [
        (
            "Take the finding apart",
            "$.detail.model",
            {"trigger.$": "$['detail-type']", "because.$": "$.detail.because"},
        ),
        (
            "Take the event apart",
            "$.detail.model",
            {"trigger.$": "$['detail-type']", "because": []},
        ),
        ("Take the request apart", "$.model", {"trigger": "Request", "because": []}),
    ],
)
def test_all_forms_of_input_come_to_the_same(
    definition: dict[str, Any], form: str, path: str, trigger: dict[str, Any]
) -> None:
    state = definition["States"][form]
    assert state["Parameters"] == {
        "model.$": path,
        "execution.$": "$$.Execution.Id",
        **trigger,
    }
    assert state["Next"] == "Validate the request"


def test_an_event_without_grounds_starts_it_too(definition: dict[str, Any]) -> None:
    """That of a schedule, and one that was sent before they were in it."""
    checked, other, *_ = definition["States"][definition["StartAt"]]["Choices"]
    assert (checked["Next"], other["Next"]) == ("Take the finding apart", "Take the event apart")
    grounds = {"Variable": "$.detail.because", "IsPresent": True}
    assert checked["And"] == [{"And": other["And"]}, grounds]


def test_an_input_that_names_no_model_is_refused(definition: dict[str, Any]) -> None:
    first = definition["States"][definition["StartAt"]]
    assert first["Default"] == "Refuse the request"
    refused = definition["States"]["Refuse the request"]
    assert refused["Parameters"]["error"]["Cause"].startswith("model: ")
    assert refused["Next"] == "Say what failed"


def test_only_the_lock_of_the_model_is_deleted(definition: dict[str, Any]) -> None:
    release = definition["States"]["Release the lock"]
    assert release["Resource"].endswith("aws-sdk:s3:deleteObject")
    assert release["Parameters"]["Key.$"] == "States.Format('locks/{}.json', $.model)"


def test_every_execution_is_logged_and_traced(machine: dict[str, Any]) -> None:
    assert machine["LoggingConfiguration"]["Level"] == "ALL"
    assert machine["TracingConfiguration"] == {"Enabled": True}


def test_a_verdict_that_asks_for_it_starts_the_machine_with_the_whole_event(
    aws: Templates,
) -> None:
    rules = resources(aws["Retraining"], "AWS::Events::Rule").values()
    (rule,) = (
        rule
        for rule in rules
        if "StateMachine" in flat(rule["Targets"][0]["Arn"]) and "EventPattern" in rule
    )
    assert rule["EventPattern"] == {
        "source": ["evergreen"],
        "detail-type": ["Data Drift Detected", "Performance Degraded", "Retraining Requested"],
        "detail": {"start_retraining": [True]},
    }
    (target,) = rule["Targets"]
    assert "StateMachine" in flat(target["Arn"])
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_the_events_that_the_state_machine_writes_itself_have_their_models_fields(
    definition: dict[str, Any],
) -> None:
    written = [
        entry
        for task in tasks(definition).values()
        if task["Resource"].endswith("events:putEvents")
        for entry in task["Parameters"]["Entries"]
    ]
    assert {entry["DetailType"] for entry in written} == {"Retraining Skipped", "Retraining Failed"}
    for entry in written:
        fields = EVENT_MODELS[entry["DetailType"]].model_fields
        assert {name.removesuffix(".$") for name in entry["Detail"]} == set(fields)
        assert (entry["Source"], entry["Detail"]["schema_version"]) == (
            SOURCE,
            EVENT_SCHEMA_VERSION,
        )


def test_what_starts_it_has_the_fields_that_it_reads(
    aws: Templates, definition: dict[str, Any]
) -> None:
    rules = resources(aws["Retraining"], "AWS::Events::Rule").values()
    (pattern,) = (
        rule["EventPattern"]
        for rule in rules
        if "StateMachine" in flat(rule["Targets"][0]["Arn"]) and "EventPattern" in rule
    )
    taken = definition["States"]["Take the finding apart"]["Parameters"]
    paths = (taken["model.$"], taken["because.$"])
    read = {*(path.removeprefix("$.detail.") for path in paths), *pattern["detail"]}
    assert read == {"model", "because", "start_retraining"}
    assert all(read <= set(EVENT_MODELS[kind].model_fields) for kind in pattern["detail-type"])
