"""Everything one model needs to be served: its function, its streams, its routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.constructs import access
from cdk.constructs.building.functions import Capacity, PythonFunction
from cdk.constructs.serving.delivery_stream import DeliveryStream

if TYPE_CHECKING:
    from cdk.storage_stack import StorageStack
    from evergreen.model_definition import ModelDefinition

_CAPACITY = Capacity(memory=1769, seconds=29)  # one whole CPU; the API waits 29 s at most


class ModelEndpoint(Construct):
    """Serves one model, and can reach nothing of another.

    Its function reads its own bundles and its own pointer, and writes its own request log and
    labels: through two streams, or straight to S3 when a stream will not take them.
    """

    def __init__(
        self, scope: Construct, storage: StorageStack, definition: ModelDefinition
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
        self.predict = PythonFunction(
            self,
            "Predict",
            storage,
            folder="predict",
            layer="inference",
            model=model,
            capacity=_CAPACITY,
            environment={
                "EVERGREEN_MODEL": model,
                "EVERGREEN_REQUEST_STREAM": self.requests.name,
                "EVERGREEN_LABEL_STREAM": self.labels.name,
            },
        )
        role = self.predict.role
        access.grant_read(role, storage, f"bundles/{model}/")
        access.read_pointers(role, storage, model)
        access.grant_write(
            role, storage, *(f"{t}/raw/model={model}/" for t in ("request-log", "labels"))
        )
        self.requests.grant_put(role)
        self.labels.grant_put(role)
        self.live = self._live(on_aws=not settings.emulator)

    def _live(self, *, on_aws: bool) -> lambda_.IFunction:
        """Return what the API calls: on AWS an alias of the version that has a snapshot.

        LocalStack cannot move an alias (it tries to create it again, and the API would go on
        calling the old code), nor does it take snapshots: there it is the function itself.
        """
        function = self.predict.function
        if not on_aws:
            return function
        return lambda_.Alias(self, "Live", alias_name="live", version=function.current_version)


def camel_case(name: str) -> str:
    """Return ``flight_delay`` as ``FlightDelay``, as output names are written."""
    return "".join(part.capitalize() for part in name.split("_"))
