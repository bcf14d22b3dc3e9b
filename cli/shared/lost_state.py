"""What LocalStack has forgotten since the last `evergreen down`: it keeps its state in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from cli.shared.target import NotDeployedError, Target

if TYPE_CHECKING:
    from local.stack import Stack

_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Models that MLflow still has, and the deployment has not."""

    models: tuple[str, ...]

    def __str__(self) -> str:
        first = self.models[0]
        return (
            f"MLflow has versions of {', '.join(self.models)}. LocalStack has lost the rest, "
            "because it keeps everything in memory: the deployment, what is in production, the "
            "request log, bundles, data sets and decisions.\n"
            f"Deploy with `evergreen deploy`, then train: `evergreen train {first} --data FILE`."
        )


def find_forgotten(stack: Stack) -> Forgotten | None:
    """Return the models that only MLflow knows, or None if something is deployed or none is known.

    An MLflow that does not answer knows none: `evergreen status` tells of that.
    """
    try:
        deployed = bool(Target.local(stack).outputs)
    except NotDeployedError:
        deployed = False
    models = () if deployed else registered_models(stack.mlflow_uri)
    return Forgotten(models) if models else None


def registered_models(mlflow_uri: str) -> tuple[str, ...]:
    """Return the names of the models that an MLflow server has."""
    # Without MLflow's own client, which takes seconds to import.
    url = f"{mlflow_uri}/api/2.0/mlflow/registered-models/search"
    try:
        answer = httpx.get(url, timeout=_SECONDS).raise_for_status().json()
    except (httpx.HTTPError, ValueError):
        return ()
    return tuple(sorted(model["name"] for model in answer.get("registered_models", [])))
