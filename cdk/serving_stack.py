"""The serving stack: the REST API, one function for each model, and the compaction of the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import CfnOutput, Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam

from cdk.capacity import Capacity
from cdk.constructs import access
from cdk.constructs.building.functions import EvergreenFunction, PythonFunction
from cdk.constructs.dead_letters import DeadLetters
from cdk.constructs.lake import compact_lake
from cdk.constructs.model_room import model_room
from cdk.constructs.serving.model_endpoint import ModelEndpoint
from cdk.constructs.serving.rest_api import RestApi
from cdk.constructs.serving.rollout import Rollout
from cdk.naming import camel_case
from cdk.periods import schedule_period
from evergreen.registry.places import EVALUATION_REPORTS
from evergreen.shadow.look import PREFIX as SHADOW_LOOKS

if TYPE_CHECKING:
    from constructs import Construct

    from cdk.settings import Settings
    from cdk.storage_stack import StorageStack

_OPEN_ROUTES = ("/", "/ping", "/docs", "/docs/{proxy+}", "/openapi.json", "/v2/health/{proxy+}")
"""Routes without an API key: health and the documentation of the API."""
_GENERAL_ROUTES = (
    "/{proxy+}",
    "/endpoints/{proxy+}",
    "/v1/models",
    "/v1/models/{proxy+}",
    "/models",
    "/models/{proxy+}",
    "/v2",
    "/v2/{proxy+}",
    "/v2/models",
    "/v2/models/{proxy+}",
)
"""Routes about all models, or about a model that does not exist."""


class ServingStack(Stack):
    """The REST API, the endpoints of the models, their streams, and compaction."""

    def __init__(self, scope: Construct, storage: StorageStack, **stack: object) -> None:
        settings = storage.deployment.settings
        super().__init__(scope, f"Evergreen-{settings.stage}-Serving", **stack)  # type: ignore[arg-type]
        self.rest_api = RestApi(self, settings)
        rollout = None if settings.code_rollout == "at_once" else Rollout(self, settings)
        self.endpoints = [
            ModelEndpoint(
                model_room(self, definition.name, settings),
                storage,
                definition,
                rollout,
                self.rest_api.ground_truth_key,
            )
            for definition in storage.deployment.models.values()
        ]
        self.describe_api = self._describe_api(storage)
        self.dead_letters = DeadLetters(self, storage, "serving")
        self.compact_logs = self._compact_logs(storage)
        self.export_metrics = self._export_metrics(storage)
        self._route()
        self._output(storage)

    @property
    def functions(self) -> list[EvergreenFunction]:
        """Every function of this stack."""
        return [
            *(each.predict for each in self.endpoints),
            self.describe_api,
            self.compact_logs,
            self.export_metrics,
        ]

    def _describe_api(self, storage: StorageStack) -> PythonFunction:
        settings = storage.deployment.settings
        describe = PythonFunction(
            self,
            "DescribeApi",
            storage,
            folder="describe_api",
            layer="inference",
            capacity=Capacity(memory=512, seconds=29),
            environment=_describing(settings),
        )
        access.read_pointers(describe.role, storage)
        # For the status page: checks and their reports, decisions, what retrains, the newest rows
        # if they are shown, and the history of the metrics.
        looks = ("decisions/", SHADOW_LOOKS, EVALUATION_REPORTS)
        rows = ("request-log/raw/", "labels/raw/") if settings.requests_shown else ()
        access.grant_read(describe.role, storage, "drift/", *looks, *rows)
        access.see_retrainings(describe.role, storage, "states:GetExecutionHistory")
        describe.role.add_to_policy(
            iam.PolicyStatement(actions=["cloudwatch:GetMetricData"], resources=["*"])
        )
        return describe

    def _compact_logs(self, storage: StorageStack) -> PythonFunction:
        settings = storage.deployment.settings
        compact = PythonFunction(
            self,
            "CompactLogs",
            storage,
            folder="compact_logs",
            layer="lake",
            capacity=Capacity(memory=1769, seconds=900),
            environment={"EVERGREEN_RAW_RETENTION_DAYS": str(settings.raw_retention_days)},
        )
        compact_lake(compact, storage)
        # It counts the labels that the version in production cannot have meant.
        access.read_pointers(compact.role, storage)
        access.read_signatures(compact.role, storage)
        events.Rule(
            self,
            "Compaction",
            description="Appends what has landed to the tables",
            schedule=events.Schedule.rate(schedule_period(settings.compaction_period)),
            targets=[
                targets.LambdaFunction(
                    compact.function,
                    dead_letter_queue=self.dead_letters.of_rules,
                    retry_attempts=2,
                    max_event_age=Duration.hours(1),
                )
            ],
        )
        return compact

    def _export_metrics(self, storage: StorageStack) -> PythonFunction:
        key = self.rest_api.key
        # LocalStack's CloudWatch fails a whole request if it asks for one percentile.
        quantiles = "" if storage.deployment.settings.emulator else "0.5 0.9 0.99"
        export = PythonFunction(
            self,
            "ExportMetrics",
            storage,
            folder="export_metrics",
            layer="lake",
            capacity=Capacity(memory=512, seconds=29),
            environment={
                "EVERGREEN_API_KEY_ID": key.key_id,
                "EVERGREEN_QUANTILES": quantiles,
                # CloudWatch's values are those of whole minutes. An emulator charges nothing.
                "EVERGREEN_ANSWER_SECONDS": "1" if storage.deployment.settings.emulator else "60",
            },
        )
        export.role.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"], resources=["*"]
            )
        )
        export.role.add_to_policy(
            iam.PolicyStatement(actions=["apigateway:GET"], resources=[key.key_arn])
        )
        return export

    def _route(self) -> None:
        api, describe = self.rest_api, self.describe_api.function
        for path in _OPEN_ROUTES:
            api.route(path, describe, method="GET", open_to_all=True)
        for path in _GENERAL_ROUTES:
            api.route(path, describe)
        api.allow("Api", describe)
        # The gateway does not check the key. The function does, and accepts a bearer token too.
        api.route("/metrics", self.export_metrics.function, method="GET", open_to_all=True)
        api.allow("ApiMetrics", self.export_metrics.function, "/metrics")
        for endpoint in self.endpoints:
            api.route_model(endpoint)

    def _output(self, storage: StorageStack) -> None:
        api = self.rest_api
        values = {
            "ApiUrl": api.api.url,
            "RestApiId": api.api.rest_api_id,
            "ApiStage": storage.deployment.settings.stage,
            "ApiKeyId": api.key.key_id,
            "ApiAuthorization": storage.deployment.settings.api_authorization,
            "DescribeApiFunctionName": self.describe_api.function_name,
            "CompactLogsFunctionName": self.compact_logs.function_name,
            "ExportMetricsFunctionName": self.export_metrics.function_name,
        }
        if api.ground_truth_key:
            values["GroundTruthKeyId"] = api.ground_truth_key.key_id
        if api.domain:
            values["ApiDomainTarget"] = api.domain.domain_name_alias_domain_name
        for key, value in values.items():
            CfnOutput(self, key, value=value)
        for endpoint in self.endpoints:
            name, room = camel_case(endpoint.model), Stack.of(endpoint)
            CfnOutput(room, f"PredictFunctionName{name}", value=endpoint.predict.function_name)
            CfnOutput(room, f"RequestStreamName{name}", value=endpoint.requests.name)
            CfnOutput(room, f"LabelStreamName{name}", value=endpoint.labels.name)


def _describing(settings: Settings) -> dict[str, str]:
    """Return the variables of the function that describes the API."""
    variables = dict(settings.answering_environment)
    if settings.requests_shown:
        variables["EVERGREEN_REQUESTS_SHOWN"] = "true"
    if settings.tracking_uri:
        variables["EVERGREEN_MLFLOW"] = settings.tracking_uri
    return variables
