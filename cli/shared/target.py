"""The deployment that a command uses: on the local stack or in an AWS account."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import boto3

from cli.shared.cdk_context import read_place
from cli.shared.signed_requests import SignedRequests
from evergreen.deployment.connection import Connection
from evergreen.errors import EvergreenError
from local.settings import read_settings
from local.stack import running_stack

if TYPE_CHECKING:
    import httpx

    from local.stack import Stack


_LOCAL_STAGE = "dev"


class Target(Connection):
    """A deployment as a command chooses it, with its API."""

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
    def mlflow_uri(self) -> str | None:
        """Address of the MLflow server, if it or the shell names one."""
        return super().mlflow_uri or os.environ.get("MLFLOW_TRACKING_URI")

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


def choose(*, aws: bool, stage: str | None) -> Target:
    """Return the deployment that the options of a command name.

    Raises
    ------
    EvergreenError
        If the options name the local stack and it does not run.
    """
    return Target.aws(stage) if aws else Target.local(running_stack(read_settings()), stage)


def options_of(target: Target) -> str:
    """Return the options, after a space, with which a command chooses this deployment."""
    if not target.is_emulator:
        return f" --aws --stage {target.stage}"
    return f" --stage {target.stage}" if target.stage != _LOCAL_STAGE else ""
