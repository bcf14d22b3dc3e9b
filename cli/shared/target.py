"""The deployment that a command uses: on the local stack or in an AWS account."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from cli.shared.cdk_context import read_place
from cli.shared.signed_requests import SignedRequests
from evergreen.aws import LONG
from evergreen.errors import EvergreenError
from evergreen.storage import Storage
from local.settings import LAKE_CATALOG, read_settings
from local.stack import running_stack

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    from botocore.config import Config

    from evergreen.lake.catalog import LakeCatalog
    from evergreen.lake.reader import Lake
    from local.stack import Stack


_LOCAL_STAGE = "dev"


class NotDeployedError(EvergreenError):
    """The app, or a part of it that a command needs, is not deployed."""


@dataclass(frozen=True)
class Target:
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

    @classmethod
    def local(cls, stack: Stack, stage: str | None = None) -> Target:
        """Return the deployment on a running local stack; its stage is ``dev`` if not given."""
        return cls(stage or _LOCAL_STAGE, stack.client_environment())

    @classmethod
    def aws(cls, stage: str | None = None) -> Target:
        """Return the deployment in the AWS account that the user's credentials name.

        Its stage and region are those of ``cdk.json``. If ``cdk.json`` names no region, it is that
        of the user's configuration.

        Raises
        ------
        EvergreenError
            If neither names a region, or ``cdk.json`` cannot be read.
        """
        place = read_place()
        region = place.region or boto3.Session().region_name
        if region is None:
            raise EvergreenError(
                "no AWS region is set",
                where="cdk.json",
                fix='Write one there, for example "region": "eu-central-1", or set AWS_REGION.',
            )
        return cls(stage or place.stage, {"AWS_REGION": region, "AWS_DEFAULT_REGION": region})

    @property
    def is_emulator(self) -> bool:
        """Whether the deployment is on an emulator."""
        return "AWS_ENDPOINT_URL" in self.environment

    @property
    def mlflow_uri(self) -> str | None:
        """Address of the MLflow server, if it is known."""
        return self.environment.get("MLFLOW_TRACKING_URI") or os.environ.get("MLFLOW_TRACKING_URI")

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

    @property
    def api_url(self) -> str:
        """Base URL of the REST API, without a slash at its end."""
        if not self.is_emulator:
            return self.output("ApiUrl").rstrip("/")
        # The host name in the stack's output does not resolve for an emulator.
        path = f"_aws/execute-api/{self.output('RestApiId')}/{self.output('ApiStage')}"
        return f"{self.environment['AWS_ENDPOINT_URL']}/{path}"

    @property
    def api_key(self) -> str:
        """The value of the API key."""
        return self._key("ApiKeyId")

    @property
    def ground_truth_key(self) -> str:
        """The value of the API key for ground truth, which is the same unless it has its own."""
        own = "GroundTruthKeyId"
        return self._key(own) if own in self.outputs else self.api_key

    @property
    def api_auth(self) -> httpx.Auth | None:
        """What signs the calls of the API, or None if it takes the key.

        Raises
        ------
        EvergreenError
            If it takes signed calls and there are no AWS credentials.
        """
        if self.outputs.get("ApiAuthorization", "key") == "key":
            return None
        credentials = self._session.get_credentials()
        if credentials is None:
            raise EvergreenError(
                "the API takes requests that AWS credentials sign, and there are none",
                fix="Set AWS_PROFILE or the variables of your credentials.",
            )
        return SignedRequests(credentials, self.environment["AWS_REGION"])

    def _key(self, output: str) -> str:
        answer = self.client("apigateway").get_api_key(
            apiKey=self.output(output), includeValue=True
        )
        return str(answer["value"])

    @cached_property
    def _session(self) -> boto3.Session:
        if not self.is_emulator:
            return boto3.Session(region_name=self.environment["AWS_REGION"])
        return boto3.Session(
            aws_access_key_id=self.environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self.environment["AWS_SECRET_ACCESS_KEY"],
            region_name=self.environment["AWS_REGION"],
        )


def choose(*, aws: bool, stage: str | None) -> Target:
    """Return the deployment that the options of a command name.

    Raises
    ------
    EvergreenError
        If the options name the local stack and it does not run.
    """
    return Target.aws(stage) if aws else Target.local(running_stack(read_settings()), stage)
