"""The endpoint of one model: its function, its streams and its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.capacity import Capacity
from cdk.constructs import access
from cdk.constructs.building.functions import EvergreenFunction, ImageFunction, PythonFunction
from cdk.constructs.serving.delivery_stream import DeliveryStream
from cdk.naming import camel_case

if TYPE_CHECKING:
    from aws_cdk import aws_apigateway as apigateway

    from cdk.constructs.serving.rollout import Rollout
    from cdk.storage_stack import StorageStack
    from evergreen.model_definition import ModelDefinition

ENDPOINT = Capacity(memory=1769, seconds=29)
"""The capacity of a function that answers: one whole CPU; the API waits at most 29 s."""


def _only_key(key: apigateway.ApiKey | None) -> dict[str, str]:
    """Return the variable that names the only key that may send ground truth, if there is one."""
    return {"EVERGREEN_GROUND_TRUTH_KEY_ID": key.key_id} if key else {}


def _kept_about_callers(storage: StorageStack) -> dict[str, str]:
    """Return the variables that say what the request log keeps about callers."""
    settings, secret = storage.deployment.settings, storage.log_secret
    variables = {
        "EVERGREEN_LOG_SOURCE_IP": settings.log_source_ip,
        "EVERGREEN_LOG_USER_AGENT": settings.log_user_agent,
        "EVERGREEN_LOG_SECRET_ARN": secret.secret_arn if secret else "plain",
    }
    return {name: value for name, value in variables.items() if value != "plain"}


class ModelEndpoint(Construct):
    """The endpoint of one model, without access to the data of other models.

    Its function reads only the model's bundles and pointer, and writes only the model's request log
    and labels. It writes through two streams, or directly to S3 if a stream refuses records.
    """

    def __init__(
        self,
        scope: Construct,
        storage: StorageStack,
        definition: ModelDefinition,
        rollout: Rollout | None = None,
        ground_truth_key: apigateway.ApiKey | None = None,
    ) -> None:
        model = definition.name
        super().__init__(scope, f"Model{camel_case(model)}")
        settings = storage.deployment.settings
        self.model = model
        self.requests, self.labels = (
            DeliveryStream(
                self,
                id_,
                storage,
                name=settings.name(model, suffix),
                table=table,
                model=model,
                buffering=definition.request_log,
            )
            for id_, suffix, table in (
                ("Requests", "requests", "request-log"),
                ("Labels", "labels", "labels"),
            )
        )
        asked: dict[str, Any] = {
            "folder": "predict",
            "model": model,
            "capacity": ENDPOINT,
            "environment": {
                "EVERGREEN_MODEL": model,
                "EVERGREEN_REQUEST_STREAM": self.requests.name,
                "EVERGREEN_LABEL_STREAM": self.labels.name,
                **settings.answering_environment,
                **_kept_about_callers(storage),
                **_only_key(ground_truth_key),
            },
        }
        # ONNX Runtime, scikit-learn and pandas together do not fit a zip. The image of training has
        # the packages of the same versions as those that the estimator was fitted with.
        self.predict: EvergreenFunction = (
            PythonFunction(self, "Predict", storage, layer="inference", **asked)
            if definition.serving == "onnx" and model not in settings.sklearn_models
            else ImageFunction(self, "Predict", storage, image="training", **asked)
        )
        role = self.predict.role
        if storage.log_secret:
            role.add_to_policy(
                iam.PolicyStatement(
                    actions=["secretsmanager:GetSecretValue"],
                    resources=[storage.log_secret.secret_arn],
                )
            )
        access.grant_read(role, storage, f"bundles/{model}/")
        access.read_pointers(role, storage, model)
        access.grant_write(
            role, storage, *(f"{t}/raw/model={model}/" for t in ("request-log", "labels"))
        )
        self.requests.grant_put(role)
        self.labels.grant_put(role)
        self.live = self._live(on_aws=not settings.emulator)
        if rollout and isinstance(self.live, lambda_.Alias):
            rollout.follow(self, model, self.live)

    def _live(self, *, on_aws: bool) -> lambda_.IFunction:
        """Return the function that the API calls: on AWS an alias of the version with a snapshot.

        On LocalStack it is the function itself. LocalStack takes no snapshots, and it cannot move
        an alias: it tries to create the alias again, and the API would still call the old code.
        """
        function = self.predict.function
        if not on_aws:
            return function
        return lambda_.Alias(self, "Live", alias_name="live", version=function.current_version)
