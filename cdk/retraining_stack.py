"""The retraining stack: the state machine, its functions, and the rule that starts it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_destinations as destinations
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn

from cdk.capacity import Capacity
from cdk.constructs import access
from cdk.constructs.building.functions import EvergreenFunction, ImageFunction, PythonFunction
from cdk.constructs.dead_letters import DeadLetters
from cdk.constructs.lake import name_lake, read_lake
from cdk.constructs.monitoring.event_marks import EventMarks
from cdk.constructs.querying.query_states import query_functions
from cdk.constructs.retraining.train_evaluate_promote import TrainEvaluatePromote, overall_timeout
from cdk.constructs.retraining.training_job import TrainingJob, asks_for_sagemaker
from cdk.naming import camel_case
from cdk.periods import schedule_period
from evergreen.events import SOURCE, EventType
from evergreen.lake.query_places import QUERIES
from evergreen.shadow.look import PREFIX as SHADOW_LOOKS

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.constructs.retraining.tracking_access import TrackingAccess
    from cdk.query_stack import QueryStack
    from cdk.storage_stack import StorageStack

_TRIGGERS = (
    EventType.DATA_DRIFT_DETECTED,
    EventType.PERFORMANCE_DEGRADED,
    EventType.RETRAINING_REQUESTED,
)

_USING_REGISTRY = (
    *("train", "register_challenger", "evaluate", "promote", "clean_up"),
    "mirror_rollback",
)


class RetrainingStack(Stack):
    """The state machine ``train-evaluate-promote`` and the resources that only it uses."""

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        tracking: TrackingAccess,
        queries: QueryStack | None = None,
        **stack: object,
    ) -> None:
        settings = storage.deployment.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Retraining", **stack)  # type: ignore[arg-type]
        self._engine = queries.engine if queries else None
        self.settings = settings
        name = settings.name("train-evaluate-promote")
        jobs = [model for model in storage.deployment.models.values() if asks_for_sagemaker(model)]
        on_sagemaker = bool(jobs) and not settings.emulator
        self.training_job = TrainingJob(self, storage, tracking, jobs) if on_sagemaker else None
        self.functions: dict[str, EvergreenFunction] = {
            "validate_request": PythonFunction(
                self,
                "ValidateRequest",
                storage,
                folder="validate_request",
                layer="lake",
                environment={"EVERGREEN_SAGEMAKER": str(on_sagemaker).lower()},
            ),
            "take_lock": self._take_lock(storage),
            "set_shadow": PythonFunction(
                self, "SetShadow", storage, folder="set_shadow", layer="lake"
            ),
            # Outside the VPC, because going back must not wait for anything there.
            "roll_back": PythonFunction(
                self,
                "RollBack",
                storage,
                folder="roll_back",
                layer="lake",
                capacity=Capacity(memory=1769, seconds=300),
            ),
            **{
                folder: self._worker(storage, folder, tracking)
                for folder in ("build_dataset", "compare_shadow", *_USING_REGISTRY)
            },
        }
        self._grant(storage)
        self.state_machine = self._state_machine(storage, name)
        self.dead_letters = DeadLetters(self, storage, "retraining")
        self._start_on_events(storage)
        self._start_on_schedule(storage)
        self._keep_failed_rollbacks()
        self._mirror_rollbacks(storage)
        if settings.everything_watched or settings.grafana != "off":
            EventMarks(self, storage.deployment.models, settings)
        CfnOutput(self, "Tracking", value=settings.tracking_server_arn or settings.tracking)
        if settings.tracking_secret_arn:
            CfnOutput(self, "TrackingSecret", value=settings.tracking_secret_arn)
        CfnOutput(self, "StateMachineArn", value=self.state_machine.state_machine_arn)
        for folder, function in self.functions.items():
            CfnOutput(self, f"{camel_case(folder)}FunctionName", value=function.function_name)

    def _take_lock(self, storage: StorageStack) -> PythonFunction:
        lock = PythonFunction(self, "TakeLock", storage, folder="take_lock", layer="lake")
        # It takes over the lock of an execution that no longer runs.
        access.see_retrainings(lock.role, storage)
        access.grant_write(lock.role, storage, "locks/")
        return lock

    def _worker(
        self, storage: StorageStack, folder: str, tracking: TrackingAccess
    ) -> ImageFunction:
        uses_registry = folder in _USING_REGISTRY
        worker = ImageFunction(
            self,
            camel_case(folder),
            storage,
            folder=folder,
            image="training",
            environment=tracking.client_environment() if uses_registry else {},
            placement=tracking.placement if uses_registry else None,
        )
        if uses_registry:
            tracking.let_in(worker.role)
        return worker

    def _grant(self, storage: StorageStack) -> None:
        """Grant each function the rights that its step needs."""
        roles = {folder: function.role for folder, function in self.functions.items()}
        # With a query engine the data set comes from the query's output.
        reading = ("compare_shadow",) if self._engine else ("build_dataset", "compare_shadow")
        for folder in reading:
            read_lake(self.functions[folder], storage)
        if self._engine:
            name_lake(self.functions["build_dataset"], storage)  # its settings name it
        output = (QUERIES,) if self._engine else ()
        access.grant_read(roles["build_dataset"], storage, "datasets/", *output)
        access.grant_write(roles["build_dataset"], storage, "datasets/")
        access.read_signatures(roles["build_dataset"], storage)
        access.grant_read(roles["train"], storage, "datasets/")
        access.grant_write(roles["register_challenger"], storage, "bundles/")
        access.grant_read(roles["evaluate"], storage, "datasets/", "bundles/")
        access.grant_read(roles["set_shadow"], storage, "bundles/")
        access.grant_read(roles["compare_shadow"], storage, "bundles/")
        access.grant_write(roles["compare_shadow"], storage, SHADOW_LOOKS)
        access.grant_read(roles["promote"], storage, "bundles/", "decisions/")
        access.grant_write(roles["promote"], storage, "decisions/")
        access.grant_read(roles["clean_up"], storage, "datasets/", "bundles/", "decisions/")
        access.grant_write(roles["clean_up"], storage, "decisions/")
        access.grant_delete(roles["clean_up"], storage, "datasets/", "bundles/")
        access.grant_read(roles["roll_back"], storage, "datasets/", "bundles/", "decisions/")
        access.grant_write(roles["roll_back"], storage, "decisions/")
        access.read_pointers(roles["mirror_rollback"], storage)
        for folder in ("take_lock", "set_shadow"):
            # The shadow slot is part of the pointer.
            access.write_pointers(roles[folder], storage)
        for folder in (
            *("build_dataset", "evaluate", "promote", "clean_up", "roll_back"),
            *("take_lock", "set_shadow", "compare_shadow"),
        ):
            access.read_pointers(roles[folder], storage)
        for folder in ("promote", "clean_up", "roll_back"):
            # A rejection empties the shadow slot, which is part of the pointer.
            access.write_pointers(roles[folder], storage)
            access.put_events(roles[folder], storage)

    def _state_machine(self, storage: StorageStack, name: str) -> sfn.StateMachine:
        settings = storage.deployment.settings
        log_group = logs.LogGroup(
            self,
            "StateMachineLog",
            log_group_name=f"/aws/vendedlogs/states/{name}",
            retention=settings.log_retention,
            removal_policy=RemovalPolicy.DESTROY,
        )
        functions = self.functions | (query_functions(self, storage) if self._engine else {})
        states = TrainEvaluatePromote(self, storage, functions, self.training_job, self._engine)
        models = storage.deployment.models.values()
        machine = sfn.StateMachine(
            self,
            "StateMachine",
            state_machine_name=name,
            definition_body=sfn.DefinitionBody.from_chainable(states.definition()),
            timeout=overall_timeout(
                models,
                on_sagemaker=self.training_job is not None,
                queried=self._engine is not None,
            ),
            tracing_enabled=not settings.emulator,
            logs=sfn.LogOptions(
                destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True
            ),
            removal_policy=RemovalPolicy.DESTROY,
        )
        if self.training_job:
            self.training_job.let_start(machine)
        if self._engine:
            self._engine.let_query(machine)
        return machine

    def _keep_failed_rollbacks(self) -> None:
        """Send an alarm to a dead-letter queue if the rollback failed three times."""
        lambda_.EventInvokeConfig(
            self,
            "RollBackRetry",
            function=self.functions["roll_back"].function,
            retry_attempts=2,
            max_event_age=Duration.hours(1),
            on_failure=destinations.SqsDestination(self.dead_letters),
        )

    def _mirror_rollbacks(self, storage: StorageStack) -> None:
        """Let MLflow show each rollback; EventBridge and Lambda repeat that twice."""
        mirror = self.functions["mirror_rollback"].function
        lambda_.EventInvokeConfig(
            self,
            "MirrorRetry",
            function=mirror,
            retry_attempts=2,
            max_event_age=Duration.hours(6),
            on_failure=destinations.SqsDestination(self.dead_letters),
        )
        events.Rule(
            self,
            "Mirror",
            description="Lets MLflow show a rollback",
            event_bus=storage.bus,
            event_pattern=events.EventPattern(
                source=[SOURCE], detail_type=[EventType.MODEL_ROLLED_BACK]
            ),
            targets=[
                targets.LambdaFunction(
                    mirror,
                    dead_letter_queue=self.dead_letters.of_rules,
                    retry_attempts=2,
                    max_event_age=Duration.hours(6),
                )
            ],
        )

    def _start_on_events(self, storage: StorageStack) -> None:
        # The input is the whole event. The first state reads it.
        events.Rule(
            self,
            "Start",
            description="Retrains when a verdict says so",
            event_bus=storage.bus,
            event_pattern=events.EventPattern(
                source=[SOURCE],
                detail_type=[*_TRIGGERS],
                detail={"start_retraining": [True]},
            ),
            targets=[self._target()],
        )

    def _start_on_schedule(self, storage: StorageStack) -> None:
        for definition in storage.deployment.models.values():
            if definition.retraining.every is None:
                continue
            events.Rule(
                self,
                f"Every{camel_case(definition.name)}",
                description=f"Retrains {definition.name}, whatever the verdicts say",
                schedule=events.Schedule.rate(schedule_period(definition.retraining.every)),
                targets=[
                    self._target(
                        input=events.RuleTargetInput.from_object(
                            {"detail-type": "Schedule", "detail": {"model": definition.name}}
                        )
                    )
                ],
            )

    def _target(self, **options: Any) -> targets.SfnStateMachine:  # noqa: ANN401 - CDK's
        return targets.SfnStateMachine(
            self.state_machine,
            dead_letter_queue=self.dead_letters.of_rules,
            retry_attempts=2,
            max_event_age=Duration.hours(1),
            **options,
        )
