"""What LocalStack forgot when it stopped, and what of the deployment is kept."""

from __future__ import annotations

from dataclasses import dataclass

import httpx
from botocore.exceptions import BotoCoreError, ClientError

from cli.shared.pointer_backup import served_pointers
from cli.shared.target import Target
from evergreen.deployment.connection import NotDeployedError
from evergreen.errors import EvergreenError

_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Forgotten:
    """An emulator without a deployment, and what is left of the one that it had.

    Parameters
    ----------
    kept
        The version in production of each model that has one.
    unserved
        Other models that the registry has versions of.
    """

    kept: dict[str, str]
    unserved: tuple[str, ...]

    @property
    def what(self) -> str:
        """What is missing, and what is there."""
        sentences = [
            "nothing is deployed: LocalStack has stopped and forgot the app, or it was destroyed"
        ]
        if self.kept:
            versions = ", ".join(f"{model} version {each}" for model, each in self.kept.items())
            sentences.append(f"Kept are the data bucket and what was in production: {versions}")
        if self.unserved:
            which = f"MLflow has versions of {', '.join(self.unserved)}"
            sentences.append(f"{which}, and none of them is in production")
        return ". ".join(sentences)

    @property
    def mend(self) -> str:
        """The command that mends it."""
        if self.kept:
            return "Run `evergreen deploy`: then the same versions serve again"
        return f"Run `evergreen deploy`, then `evergreen train {self.unserved[0]} --data FILE`"

    def __str__(self) -> str:
        return f"{self.what[0].upper()}{self.what[1:]}.\n{self.mend}."


def find_forgotten(target: Target) -> Forgotten | None:
    """Return what an emulator forgot; None if something is deployed, or nothing ever served.

    An MLflow that does not answer knows no model: `evergreen status` tells of that.
    """
    try:
        if target.outputs:
            return None
    except NotDeployedError:
        pass  # nothing is deployed: what is kept is looked for below
    try:
        kept = {model: pointer.version for model, pointer in served_pointers(target).items()}
    except (ClientError, BotoCoreError, EvergreenError):
        kept = {}
    registered = registered_models(target.mlflow_uri) if target.mlflow_uri else ()
    unserved = tuple(model for model in registered if model not in kept)
    return Forgotten(kept, unserved) if kept or unserved else None


def registered_models(mlflow_uri: str) -> tuple[str, ...]:
    """Return the names of the models that an MLflow server has."""
    # Without MLflow's own client, which takes seconds to import.
    url = f"{mlflow_uri}/api/2.0/mlflow/registered-models/search"
    try:
        answer = httpx.get(url, timeout=_SECONDS).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return ()
    return tuple(sorted(model["name"] for model in answer.get("registered_models", [])))
