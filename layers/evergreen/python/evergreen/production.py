"""The production pointer: which bundle serves a model. Writing it is what promotes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


class ProductionPointer(BaseModel):
    """What serves a model now, and what did before."""

    model_config = ConfigDict(frozen=True)

    version: str
    bundle_uri: str
    """``s3://bucket/bundles/<model>/<version>/``, with the slash."""
    sha256: str
    """SHA-256 of the bundle's ``manifest.json``, which names the SHA-256 of every other file."""
    reference_dataset_id: str
    promoted_at: datetime
    metric: float | None = None
    """The deciding metric on the holdout at promotion."""
    previous: str | None = None
    """Version that served before, if any."""


class Production:
    """Reads and writes the production pointers of one stage (SSM Parameter Store).

    Parameters
    ----------
    stage
        Deployment stage; pointers live at ``/evergreen/<stage>/<model>/production``.
    client
        A boto3 SSM client.
    """

    def __init__(self, stage: str, client: SSMClient) -> None:
        self._stage = stage
        self._client = client

    def parameter(self, model: str) -> str:
        """Return the name of the model's parameter."""
        return f"/evergreen/{self._stage}/{model}/production"

    def read(self, model: str) -> ProductionPointer | None:
        """Return the model's pointer, or None if nothing was promoted yet."""
        try:
            answer = self._client.get_parameter(Name=self.parameter(model))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return None
            raise
        return ProductionPointer.model_validate_json(answer["Parameter"]["Value"])

    def write(self, model: str, pointer: ProductionPointer) -> None:
        """Point production at a bundle: the commit point of a promotion."""
        self._client.put_parameter(
            Name=self.parameter(model),
            Value=pointer.model_dump_json(),
            Type="String",
            Overwrite=True,
        )

    def history(self, model: str) -> list[ProductionPointer]:
        """Return every pointer the model has had, oldest first (SSM keeps the last 100)."""
        pages = self._client.get_paginator("get_parameter_history").paginate(
            Name=self.parameter(model)
        )
        values = [item["Value"] for page in pages for item in page["Parameters"]]
        return [ProductionPointer.model_validate(json.loads(value)) for value in values]
