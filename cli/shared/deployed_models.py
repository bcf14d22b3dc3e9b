"""Which models a deployment has: those whose outputs its stacks have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk.naming import camel_case
from cli.shared.target import options_of
from evergreen.deployment.connection import NotDeployedError

if TYPE_CHECKING:
    from cli.shared.target import Target


def is_model_deployed(target: Target, model: str) -> bool:
    """Return whether the deployment serves a model, or would if a version was promoted.

    Raises
    ------
    NotDeployedError
        If nothing of the stage is deployed.
    """
    return f"PredictFunctionName{camel_case(model)}" in target.outputs


def require_deployed(target: Target, model: str) -> None:
    """Refuse what can only fail, because the model was added after the last deployment.

    Raises
    ------
    NotDeployedError
        If the model, or the whole stage, is not deployed.
    """
    if not is_model_deployed(target, model):
        raise NotDeployedError(
            f"{model} is not deployed yet", fix=f"Run `{deploy_command(target)}`."
        )


def deploy_command(target: Target) -> str:
    """Return the command that deploys to the target."""
    return f"evergreen deploy{options_of(target)}"
