"""The connection to a deployment: AWS clients, outputs of its stacks, its bucket, its tables."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from evergreen.aws import LONG
from evergreen.deployment.laptop import LAKE_CATALOG
from evergreen.errors import EvergreenError
from evergreen.storage import Storage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.config import Config

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.lake.reader import Lake


class NotDeployedError(EvergreenError):
    """The app, or a part of it that a command needs, is not deployed."""


@dataclass(frozen=True)
class Connection:
    """A deployment of Evergreen, on an emulator or on AWS.

    Parameters
    ----------
    stage
        The deployment stage.
    environment
        The environment variables with which subprocesses (cdk) and MLflow reach it. For AWS only
        the region; everything else is the user's own configuration.
    """

    stage: str
    environment: Mapping[str, str]

    @property
    def is_emulator(self) -> bool:
        """Whether the deployment is on an emulator."""
        return "AWS_ENDPOINT_URL" in self.environment

    @property
    def mlflow_uri(self) -> str | None:
        """Address of the MLflow server, if it is known."""
        return self.environment.get("MLFLOW_TRACKING_URI")

    @property
    def lake_catalog(self) -> str:
        """The catalogue of the lake's tables: an SQLAlchemy URI, or ``glue``."""
        return self.environment.get(LAKE_CATALOG, "glue")

    def client(self, service: str, config: Config | None = None) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """Return a boto3 client of the target.

        Parameters
        ----------
        service
            Its name, e.g. ``s3``.
        config
            What is to be different from :data:`evergreen.aws.LONG`.
        """
        limits = LONG.config()
        return self._session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.environment.get("AWS_ENDPOINT_URL"),
            config=limits.merge(config) if config else limits,
        )

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """The outputs of all deployed stacks, by name.

        Raises
        ------
        NotDeployedError
            If there is no stack of this stage.
        """
        prefix = f"Evergreen-{self.stage}-"
        try:
            pages = self.client("cloudformation").get_paginator("describe_stacks").paginate()
            stacks = [stack for page in pages for stack in page["Stacks"]]
        except (ClientError, BotoCoreError) as error:
            raise NotDeployedError(
                f"cannot list stacks: {error}", fix="Check the AWS credentials and region"
            ) from error
        outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in stacks
            # A stack that could not be deleted still has its outputs, of things that are gone.
            if stack["StackName"].startswith(prefix)
            and not stack["StackStatus"].startswith("DELETE_")
            for output in stack.get("Outputs", [])
        }
        if not outputs:
            raise NotDeployedError(
                f"stage {self.stage!r} is not deployed", fix="Deploy it with `evergreen deploy`"
            )
        return outputs

    def output(self, name: str) -> str:
        """Return one output of the deployment.

        Raises
        ------
        NotDeployedError
            If no stack has it.
        """
        if name not in self.outputs:
            raise NotDeployedError(
                f"no stack has an output {name!r}", fix="Deploy again with `evergreen deploy`"
            )
        return self.outputs[name]

    @property
    def storage(self) -> Storage:
        """The storage of the data bucket."""
        return Storage(self.output("BucketName"), self.client("s3"))

    @cached_property
    def lake_tables(self) -> LakeCatalog:
        """The tables of the request log and of the ground truth."""
        from evergreen.lake.catalog import GLUE, open_catalog

        database = f"evergreen_{self.stage}"
        glue = self.client("glue") if self.lake_catalog == GLUE else None
        return open_catalog(self.lake_catalog, self.storage, database, glue)

    @property
    def lake(self) -> Lake:
        """The request log and the ground truth, for reading."""
        from evergreen.lake.reader import Lake

        return Lake(self.storage, self.lake_tables)

    @cached_property
    def _session(self) -> boto3.Session:
        if not self.is_emulator:
            return boto3.Session(region_name=self.environment["AWS_REGION"])
        return boto3.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_REGION"],
        )
