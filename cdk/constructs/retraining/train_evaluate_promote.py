"""The state machine of a retraining: train, evaluate, then promote or reject the challenger.

All states use JSONPath. They pass on one small JSON object, to which each function adds its own
keys. Once the lock is taken, every path leads through its release.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

from cdk.constructs.querying.query_states import QUERY_SECONDS, QueryStates
from cdk.constructs.states import ALL, OUTAGE, States
from evergreen.events import EventType

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from constructs import Construct

    from cdk.constructs.building.functions import EvergreenFunction
    from cdk.constructs.querying.query_engine import QueryEngine
    from cdk.constructs.retraining.training_job import TrainingJob
    from cdk.storage_stack import StorageStack
    from evergreen.model_definition import ModelDefinition

FUNCTIONS = (
    *("validate_request", "take_lock", "build_dataset", "train", "register_challenger"),
    *("evaluate", "set_shadow", "compare_shadow", "promote", "clean_up"),
)
"""The functions it calls, in the order of a promotion, with the alternative last."""

_WORK = timedelta(minutes=90)
"""The time limit of all states together, without the waiting."""
_FAILURE = "$.failure.about"


def overall_timeout(
    models: Iterable[ModelDefinition], *, on_sagemaker: bool, queried: bool = False
) -> Duration:
    """Return the time limit of an execution: the work, and the longest wait of these models."""
    shadows, jobs = [timedelta()], [timedelta()]
    for model in models:
        if model.shadow.min_predictions:
            shadows.append(model.shadow.max_wait)
        if on_sagemaker and model.retraining.compute == "sagemaker":
            jobs.append(model.retraining.time_limit)
    query = timedelta(seconds=(QUERY_SECONDS if queried else 0) + OUTAGE.to_seconds())
    return Duration.seconds(int((_WORK + query + max(shadows) + max(jobs)).total_seconds()))


class TrainEvaluatePromote:
    """Builds the states, each with its timeout, its retries and the state after a failure.

    Parameters
    ----------
    scope
        The stack that holds the states.
    storage
        The stack with the lock's bucket and the event bus.
    functions
        The functions of :data:`FUNCTIONS`, by folder.
    training_job
        The training job for the models that use SageMaker, or None if no model does.
    engine
        Athena, if it reads the log; else ``build_dataset`` does.
    """

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        functions: Mapping[str, EvergreenFunction],
        training_job: TrainingJob | None = None,
        engine: QueryEngine | None = None,
    ) -> None:
        self._scope = scope
        self._storage = storage
        self._states = States(scope, storage, functions)
        self._job = training_job
        self._failed: sfn.IChainable = self._failure()
        self._release: sfn.IChainable = self._released()
        self._querying: QueryStates | None = None
        if engine:
            self._querying = QueryStates(
                self._states, engine, lambda task: self._caught(task, self._release)
            )
            self._release = self._querying.remove(self._release)

    def definition(self) -> sfn.IChainable:
        """Return the first state, connected with all others."""
        validate = self._states.call("Validate the request", "validate_request")
        self._caught(validate, self._failed)
        lock = self._states.call("Take the lock", "take_lock")
        lock.add_catch(
            self._skip("Report that another is running", "Left to the other"),
            errors=["RetrainingInProgressError"],
            result_path="$.error",
        )
        self._caught(lock, self._failed)
        dataset = self._states.call("Build the dataset", "build_dataset")
        register = self._step("Register challenger and bundle", "register_challenger")
        evaluate = self._step("Evaluate both", "evaluate")
        promote = self._promotion(evaluate).next(self._new_reference())
        reject = self._step("Clean up the challenger", "clean_up").next(self._release)
        reading = self._reading(dataset)
        if self._querying:
            # Production has changed since the query was prepared: ask again.
            dataset.add_catch(
                self._querying.prepare,
                errors=["OutdatedQueryError"],
                result_path=sfn.JsonPath.DISCARD,
            )
        self._caught(dataset, self._release)
        training = self._training(register)
        dataset.next(training)
        # Data that a person has uploaded is a data set already. A model can be trained although
        # nothing is known of how fast it ages.
        study = self._states.call("Study the uploaded rows", "build_dataset")
        study.add_catch(training, errors=[ALL], result_path=sfn.JsonPath.DISCARD)
        begin = (
            sfn.Choice(self._scope, "Is there a data set?")
            .when(sfn.Condition.is_present("$.dataset_id"), study.next(training))
            .otherwise(reading)
        )
        register.next(evaluate)
        decision = sfn.Condition.string_equals("$.decision", "promote")
        asked = sfn.Condition.number_greater_than("$.shadow_predictions", 0)
        evaluate.next(
            sfn.Choice(self._scope, "Is the challenger better?")
            .when(sfn.Condition.and_(decision, asked), self._shadow(promote, reject))
            .when(decision, promote)
            .otherwise(reject)
        )
        return self._take_apart(validate.next(lock).next(begin))

    def _reading(self, dataset: Any) -> sfn.IChainable:  # noqa: ANN401 - CDK's task
        """Let a query read the log for the data set, if there is an engine for queries."""
        if self._querying is None:
            here: sfn.IChainable = dataset
            return here
        first: sfn.IChainable = self._querying.build(dataset)
        return first

    def _take_apart(self, then: sfn.IChainable) -> sfn.IChainable:
        """Turn the input, a whole event or only a model name, into one object."""
        execution = {"execution.$": "$$.Execution.Id"}
        no_grounds: dict[str, Any] = {"because": []}
        by_event = {"model.$": "$.detail.model", **execution, "trigger.$": "$['detail-type']"}
        by_check = by_event | {"because.$": "$.detail.because"}
        by_event |= no_grounds
        by_request = {"model.$": "$.model", **execution, "trigger": "Request", **no_grounds}
        by_upload = by_request | {"dataset_id.$": "$.dataset_id", "trigger": "Upload"}
        refused = {
            "model": "-",
            **execution,
            "failed": {"step": "Validate the request"},
            "error": {
                "Error": "RetrainingRequestError",
                "Cause": 'model: the input has no such text. Give {"model": "<name>"}.',
            },
        }
        names = {
            "Take the finding apart": by_check,
            "Take the event apart": by_event,
            "Take the upload apart": by_upload,
            "Take the request apart": by_request,
        }
        check, event, upload, request = (
            sfn.Pass(self._scope, name, parameters=parts) for name, parts in names.items()
        )
        refuse = sfn.Pass(self._scope, "Refuse the request", parameters=refused)
        condition = sfn.Condition
        is_event = condition.and_(
            condition.is_string("$.detail.model"), condition.is_string("$['detail-type']")
        )
        return (
            sfn.Choice(self._scope, "What asks for a retraining?")
            # The event of a schedule, or of an earlier release, has no grounds.
            .when(
                condition.and_(is_event, condition.is_present("$.detail.because")),
                check.next(then),
            )
            .when(is_event, event.next(then))
            .when(
                condition.and_(condition.is_string("$.model"), condition.is_string("$.dataset_id")),
                upload.next(then),
            )
            .when(condition.is_string("$.model"), request.next(then))
            .otherwise(refuse.next(self._failed))
        )

    def _training(self, register: sfn.IChainable) -> Any:  # noqa: ANN401 - CDK's state
        train = self._step("Train a challenger", "train")
        train.next(register)
        if self._job is None:
            return train
        job = self._job.state("Train a challenger on SageMaker")
        job.add_catch(
            self._states.note("Train a challenger on SageMaker", self._release),
            errors=[ALL],
            result_path="$.error",
        )
        job.next(register)
        return (
            sfn.Choice(self._scope, "Where is it trained?")
            .when(sfn.Condition.string_equals("$.compute", "sagemaker"), job)
            .otherwise(train)
        )

    def _shadow(self, promote: sfn.IChainable, reject: sfn.IChainable) -> sfn.IChainable:
        """Let the challenger score live traffic until there are enough rows for a decision."""
        about = {name: f"$.{name}" for name in ("model", "challenger")}
        stop = self._states.call(
            "Take it out of the shadow",
            "set_shadow",
            payload=_parameters({**about}, action="stop"),
            result_path=sfn.JsonPath.DISCARD,
        )
        # The first error is reported. If the slot stays filled, the next run empties it.
        stop.add_catch(self._release, errors=[ALL], result_path=sfn.JsonPath.DISCARD)
        stop.next(self._release)
        more = {name: f"$.{name}" for name in ("bundle_uri", "bundle_sha256", "execution")}
        start = self._states.call(
            "Put it into the shadow",
            "set_shadow",
            payload=_parameters({**about, **more}, action="start"),
            result_path="$.shadow",
        )
        self._caught(start, stop)
        compare = self._states.call("Compare in the shadow", "compare_shadow")
        self._caught(compare, stop)
        wait = sfn.Wait(
            self._scope,
            "Let it score live traffic",
            time=sfn.WaitTime.seconds_path("$.shadow.wait_seconds"),
        )
        verdict = sfn.Condition.string_equals
        compare.next(
            sfn.Choice(self._scope, "What did the shadow show?")
            .when(verdict("$.shadow.verdict", "waiting"), wait)
            .when(verdict("$.shadow.verdict", "promote"), promote)
            .otherwise(reject)
        )
        return start.next(wait).next(compare)

    def _promotion(self, evaluate: sfn.IChainable) -> Any:  # noqa: ANN401 - CDK's task
        """Promote; if production changed meanwhile, evaluate again against the new champion."""
        promote = self._states.call("Promote the challenger", "promote")
        promote.add_catch(
            evaluate, errors=["OutdatedComparisonError"], result_path=sfn.JsonPath.DISCARD
        )
        self._caught(promote, self._release)
        return promote

    def _new_reference(self) -> sfn.IChainable:
        """Put the new production pointer, with its reference data set, into the output.

        The written pointer names the challenger's data set. So one write changes both the version
        that serves and the reference of the drift check.
        """
        storage = self._storage
        stage = storage.deployment.settings.stage
        read = self._states.ask(
            "Update the reference",
            service="ssm",
            action="getParameter",
            parameters={
                "Name": sfn.JsonPath.format(
                    f"/evergreen/{stage}/{{}}/production", sfn.JsonPath.string_at("$.model")
                )
            },
            iam=(
                "ssm:GetParameter",
                storage.format_arn(
                    service="ssm",
                    resource="parameter",
                    resource_name=f"evergreen/{stage}/*/production",
                ),
            ),
            result_selector={"pointer.$": "States.StringToJson($.Parameter.Value)"},
            result_path="$.production",
        )
        # The promotion is valid even if its result cannot be read.
        read.add_catch(self._release, errors=[ALL], result_path=sfn.JsonPath.DISCARD)
        return read.next(self._release)

    def _released(self) -> sfn.IChainable:
        """Release the lock, then succeed or fail as the previous states did."""
        release = self._states.ask(
            "Release the lock",
            service="s3",
            action="deleteObject",
            parameters={
                "Bucket": self._storage.bucket.bucket_name,
                "Key": sfn.JsonPath.format("locks/{}.json", sfn.JsonPath.string_at("$.model")),
            },
            iam=("s3:DeleteObject", f"{self._storage.bucket_arn}/locks/*"),
            result_path=sfn.JsonPath.DISCARD,
        )
        self._caught(release, self._failed)
        too_little = sfn.Condition.and_(
            sfn.Condition.is_present("$.error"),
            sfn.Condition.string_equals("$.error.Error", "NotEnoughDataError"),
        )
        return release.next(
            sfn.Choice(self._scope, "How did it end?")
            .when(too_little, self._skip("Report too little data", "Wait for more data"))
            .when(sfn.Condition.is_present("$.error"), self._failed)
            .otherwise(sfn.Succeed(self._scope, "Done"))
        )

    def _step(self, name: str, folder: str) -> Any:  # noqa: ANN401 - CDK's task, as it chains
        """Call a function that runs under the lock; every error leads to the release."""
        call = self._states.call(name, folder)
        self._caught(call, self._release)
        return call

    def _caught(self, task: Any, then: sfn.IChainable) -> None:  # noqa: ANN401 - any of CDK's tasks
        noted = self._states.note(task.node.id, then)
        task.add_catch(noted, errors=[ALL], result_path="$.error")

    def _skip(self, report: str, end: str) -> sfn.IChainable:
        detail = {"reason.$": "$.error.Error", "message.$": "$.error.Cause"}
        done = sfn.Succeed(self._scope, end)
        return self._states.report(report, EventType.RETRAINING_SKIPPED, detail, done)

    def _failure(self) -> sfn.IChainable:
        """Report the failure in an event and in the last state of the execution."""
        merged = {"about.$": "States.JsonMerge($.failed, $.error, false)"}
        gather = sfn.Pass(
            self._scope, "Say what failed", parameters=merged, result_path="$.failure"
        )
        text = sfn.JsonPath.string_at
        end = sfn.Fail(
            self._scope,
            "Failed",
            error_path=f"{_FAILURE}.Error",
            cause_path=sfn.JsonPath.format(
                "{}: {}", text(f"{_FAILURE}.step"), text(f"{_FAILURE}.Cause")
            ),
        )
        detail = {
            "step.$": f"{_FAILURE}.step",
            "reason.$": f"{_FAILURE}.Error",
            "message.$": f"{_FAILURE}.Cause",
        }
        failed = EventType.RETRAINING_FAILED
        return gather.next(self._states.report("Report the failure", failed, detail, end))


def _parameters(paths: dict[str, str], **fixed: str) -> dict[str, Any]:
    return {**fixed, **{f"{name}.$": path for name, path in paths.items()}}
