"""What a model that asks for SageMaker, a schedule or a shadow changes in what is deployed."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from app import build_app
from cdk.constructs.retraining.training_job import JOB_NETWORK_ACTIONS
from tests.infrastructure.test_state_machine import next_states, reachable
from tests.support.templates import flat, listed, resources, statements

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Templates

JOB = "Train a challenger on SageMaker"


@pytest.fixture
def template(unusual: Templates) -> dict[str, Any]:
    """Give the retraining stack, synthesised under cdk-nag."""
    return unusual["Retraining"]


@pytest.fixture
def definition(template: dict[str, Any]) -> dict[str, Any]:
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine").values()
    parsed: dict[str, Any] = json.loads(flat(machine["DefinitionString"]))
    return parsed


def test_the_job_takes_the_place_of_the_function(definition: dict[str, Any]) -> None:
    choice = definition["States"]["Where is it trained?"]
    assert choice["Choices"] == [
        {"Variable": "$.compute", "StringEquals": "sagemaker", "Next": JOB}
    ]
    assert choice["Default"] == "Train a challenger"
    states = definition["States"]
    assert states[JOB]["Next"] == states["Train a challenger"]["Next"]
    assert reachable(definition, definition["StartAt"]) == set(states)


def test_the_job_waits_for_its_end_and_has_limits(definition: dict[str, Any]) -> None:
    job = definition["States"][JOB]
    assert job["Resource"].endswith("states:::sagemaker:createTrainingJob.sync")
    assert job["TimeoutSeconds"] == 3 * 3600 + 900
    assert job["Parameters"]["StoppingCondition"] == {
        "MaxRuntimeInSeconds.$": "$.training_job.max_seconds"
    }
    # What came before stays, and of the job's long answer little is added.
    assert job["ResultPath"] == "$.training_job.result"
    assert set(job["ResultSelector"]) == {"name.$", "seconds.$"}
    assert job["Retry"]
    (catch,) = job["Catch"]
    assert next_states(definition["States"][catch["Next"]]) == {"Release the lock"}


def test_the_job_runs_the_containers_entry_point_on_the_data_set(
    definition: dict[str, Any],
) -> None:
    parameters = definition["States"][JOB]["Parameters"]
    assert parameters["HyperParameters"] == {
        "model.$": "$.model",
        "dataset_id.$": "$.dataset_id",
    }
    algorithm = parameters["AlgorithmSpecification"]
    assert algorithm["ContainerEntrypoint"] == ["python", "-m", "functions.train.container"]
    assert parameters["Environment"].keys() >= {
        *("EVERGREEN_BUCKET", "LAMBDA_TASK_ROOT", "MLFLOW_TRACKING_URI"),
        "MLFLOW_CREDENTIALS_SECRET",
    }
    assert parameters["Environment"]["MLFLOW_CONFIGURE_LOGGING"] == "false"
    assert parameters["Environment"]["MLFLOW_DISABLE_TELEMETRY"] == "true"
    # SageMaker sets only AWS_REGION, and boto3 reads only the other.
    assert parameters["Environment"]["AWS_DEFAULT_REGION"] == "us-east-1"
    assert parameters["VpcConfig"]["Subnets"]
    assert parameters["VpcConfig"]["SecurityGroupIds"]


def test_the_whole_may_take_as_long_as_job_and_shadow(definition: dict[str, Any]) -> None:
    # The work, half an hour for an MLflow server that is away, the job, and the shadow.
    assert definition["TimeoutSeconds"] == (90 + 30 + 3 * 60 + 2 * 24 * 60) * 60


def test_the_job_reads_data_sets_and_changes_nothing_of_the_loop(template: dict[str, Any]) -> None:
    found = statements(template, "TrainingJobRole")
    objects = {
        (action, flat(resource).split(">/", 1)[1])
        for statement in found
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
        if ">/" in flat(resource)
    }
    assert objects == {("s3:GetObject", "datasets/*"), ("s3:PutObject", "training-jobs/*")}
    anywhere = {
        action
        for statement in found
        for action in listed(statement["Action"])
        if "*" in listed(statement["Resource"])
    }
    assert anywhere == {*JOB_NETWORK_ACTIONS, "ecr:GetAuthorizationToken"}


def test_the_machine_may_start_these_jobs_and_pass_this_role_only(
    template: dict[str, Any],
) -> None:
    found = statements(template, "StateMachineRole")
    starts = [each for each in found if "sagemaker:CreateTrainingJob" in listed(each["Action"])]
    assert [flat(each["Resource"]).split(":")[-1] for each in starts] == [
        "training-job/evergreen-*"
    ]
    # Step Functions tags the jobs that it starts; without AddTags SageMaker refuses them.
    assert all("sagemaker:AddTags" in listed(each["Action"]) for each in starts)
    (passing,) = [each for each in found if "iam:PassRole" in listed(each["Action"])]
    assert flat(passing["Resource"]).startswith("<TrainingJobRole")
    assert passing["Condition"]["StringEquals"] == {
        "iam:PassedToService": "sagemaker.amazonaws.com"
    }


def test_the_function_that_validates_is_told_that_there_is_sagemaker(
    template: dict[str, Any],
) -> None:
    functions = resources(template, "AWS::Lambda::Function").values()
    (validate,) = [each for each in functions if each["FunctionName"].endswith("validate-request")]
    assert validate["Environment"]["Variables"]["EVERGREEN_SAGEMAKER"] == "true"


def test_a_schedule_starts_the_machine_with_the_model(template: dict[str, Any]) -> None:
    rules = resources(template, "AWS::Events::Rule").values()
    (rule,) = (rule for rule in rules if "ScheduleExpression" in rule)
    assert rule["ScheduleExpression"] == "rate(7 days)"
    (target,) = rule["Targets"]
    assert json.loads(target["Input"]) == {
        "detail-type": "Schedule",
        "detail": {"model": "flight_delay"},
    }


def test_on_the_emulator_there_is_no_job_and_the_function_is_told(
    unusual_emulator: Templates,
) -> None:
    template = unusual_emulator["Retraining"]
    (machine,) = resources(template, "AWS::StepFunctions::StateMachine").values()
    assert "sagemaker" not in flat(machine["DefinitionString"])
    functions = resources(template, "AWS::Lambda::Function").values()
    (validate,) = [each for each in functions if each["FunctionName"].endswith("validate-request")]
    assert validate["Environment"]["Variables"]["EVERGREEN_SAGEMAKER"] == "false"


def test_a_compute_that_does_not_exist_is_named(unusual_models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(unusual_models, folder)
    file = folder / "flight_delay" / "model.toml"
    file.write_text(file.read_text().replace('compute = "sagemaker"', 'compute = "mainframe"'))
    with pytest.raises(Exception, match=r"retraining\.compute.*'lambda' or 'sagemaker'"):
        build_app({}, folder, str(tmp_path / "out"))
