"""The state machine that replaces a champion, or keeps it: how its states follow each other.

JSONPath throughout. One small JSON object goes from state to state; each function returns it with
its own keys added. From the moment the lock is taken, every path leads through its release.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks

from evergreen.events import SCHEMA_VERSION, SOURCE, EventType

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Construct

    from cdk.constructs.functions import EvergreenFunction
    from cdk.storage_stack import StorageStack

FUNCTIONS = ("take_lock", "build_dataset", "train", "evaluate", "promote", "clean_up")
"""The functions it calls, in the order of the happy path, with the alternative last."""

TIMEOUT = Duration.minutes(90)
_TASK_TIMEOUT = sfn.Timeout.duration(Duration.minutes(16))  # a function's 15 and its start
_CALL_TIMEOUT = sfn.Timeout.duration(Duration.minutes(1))
_ALL = "States.ALL"


class TrainEvaluatePromote:
    """Builds the states, each with its timeout, its retries and where it goes when it fails.

    Parameters
    ----------
    scope
        The stack that holds the states.
    storage
        Where the lock lies and events go.
    functions
        The functions of :data:`FUNCTIONS`, by folder.
    """

    def __init__(
        self, scope: Construct, storage: StorageStack, functions: Mapping[str, EvergreenFunction]
    ) -> None:
        self._scope = scope
        self._storage = storage
        self._functions = functions

    def definition(self) -> sfn.IChainable:
        """Return the first state, with all others behind it."""
        release = self._release()
        take_lock = self._call("Take the lock", "take_lock")
        take_lock.add_catch(
            self._report("Report that another is running", EventType.RETRAINING_SKIPPED).next(
                sfn.Succeed(self._scope, "Left to the other")
            ),
            errors=["RetrainingInProgressError"],
            result_path="$.error",
        )
        take_lock.add_catch(self._failure(), errors=[_ALL], result_path="$.error")
        decide = (
            sfn.Choice(self._scope, "Is the challenger better?")
            .when(
                sfn.Condition.string_equals("$.decision", "promote"),
                self._guarded("Promote the challenger", "promote", release),
            )
            .otherwise(self._guarded("Clean up the challenger", "clean_up", release))
        )
        work = (
            self._guarded("Build the dataset", "build_dataset", release, and_then=False)
            .next(self._guarded("Train a challenger", "train", release, and_then=False))
            .next(self._guarded("Evaluate both", "evaluate", release, and_then=False))
            .next(decide)
        )
        take_lock.next(work)
        return self._take_apart(take_lock)

    def _take_apart(self, then: sfn.IChainable) -> sfn.IChainable:
        """Reduce either form of input, a whole event or a bare model name, to one object."""
        of_event = self._pass("Take the event apart", model="$.detail.model")
        of_person = self._pass("Take the request apart", model="$.model")
        return (
            sfn.Choice(self._scope, "Is it an event?")
            .when(sfn.Condition.is_present("$.detail.model"), of_event.next(then))
            .otherwise(of_person.next(then))
        )

    def _pass(self, name: str, *, model: str) -> sfn.Pass:
        parameters = {"model.$": model, "execution.$": "$$.Execution.Id"}
        return sfn.Pass(self._scope, name, parameters=parameters)

    def _call(self, name: str, folder: str) -> tasks.LambdaInvoke:
        # Retries Lambda's own failures by default, never an error that the function raised.
        return tasks.LambdaInvoke(
            self._scope,
            name,
            lambda_function=self._functions[folder].function,
            payload_response_only=True,
            task_timeout=_TASK_TIMEOUT,
        )

    def _guarded(
        self, name: str, folder: str, release: sfn.IChainable, *, and_then: bool = True
    ) -> tasks.LambdaInvoke:
        """Call a function that runs under the lock: whatever it raises leads to the release."""
        call = self._call(name, folder)
        call.add_catch(release, errors=[_ALL], result_path="$.error")
        if and_then:
            call.next(release)
        return call

    def _release(self) -> sfn.IChainable:
        """Release the lock, then end as what came before deserves."""
        release = tasks.CallAwsService(
            self._scope,
            "Release the lock",
            service="s3",
            action="deleteObject",
            parameters={
                "Bucket": self._storage.bucket.bucket_name,
                "Key": sfn.JsonPath.format("locks/{}.json", sfn.JsonPath.string_at("$.model")),
            },
            iam_action="s3:DeleteObject",
            iam_resources=[f"{self._storage.bucket_arn}/locks/*"],
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=_CALL_TIMEOUT,
        )
        release.add_retry(max_attempts=3, interval=Duration.seconds(2))
        release.add_catch(self._failure(), errors=[_ALL], result_path="$.error")
        too_little = sfn.Condition.and_(
            sfn.Condition.is_present("$.error"),
            sfn.Condition.string_equals("$.error.Error", "NotEnoughDataError"),
        )
        skipped = self._report("Report too little data", EventType.RETRAINING_SKIPPED)
        return release.next(
            sfn.Choice(self._scope, "How did it end?")
            .when(too_little, skipped.next(sfn.Succeed(self._scope, "Wait for more data")))
            .when(sfn.Condition.is_present("$.error"), self._failure())
            .otherwise(sfn.Succeed(self._scope, "Done"))
        )

    def _failure(self) -> sfn.IChainable:
        known = self._scope.node.try_find_child("Report the failure")
        if isinstance(known, tasks.EventBridgePutEvents):
            return known
        report = self._report("Report the failure", EventType.RETRAINING_FAILED)
        return report.next(
            sfn.Fail(self._scope, "Failed", error_path="$.error.Error", cause_path="$.error.Cause")
        )

    def _report(self, name: str, kind: EventType) -> tasks.EventBridgePutEvents:
        detail = {
            "schema_version": SCHEMA_VERSION,
            "model.$": "$.model",
            "execution.$": "$.execution",
            "reason.$": "$.error.Error",
            "message.$": "$.error.Cause",
        }
        report = tasks.EventBridgePutEvents(
            self._scope,
            name,
            entries=[
                tasks.EventBridgePutEventsEntry(
                    source=SOURCE,
                    detail_type=kind,
                    detail=sfn.TaskInput.from_object(detail),
                    event_bus=self._storage.bus,
                )
            ],
            result_path=sfn.JsonPath.DISCARD,
            task_timeout=_CALL_TIMEOUT,
        )
        report.add_retry(max_attempts=3, interval=Duration.seconds(2))
        return report
