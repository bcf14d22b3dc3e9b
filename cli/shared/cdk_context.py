"""What ``cdk.json`` says about where to deploy, and which types of models it trusts."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evergreen.errors import EvergreenError

CDK_JSON = Path(__file__).resolve().parents[2] / "cdk.json"


class DeploymentPlace(BaseModel):
    """The stage and the region of a deployment to AWS."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    stage: str = "dev"
    region: str = ""
    """Empty: the region of the user's own configuration."""
    trusted_types: str = ""
    sklearn_models: str = ""


class _CdkFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    context: DeploymentPlace = DeploymentPlace()


def read_trusted_types(file: Path = CDK_JSON) -> frozenset[str]:
    """Return the types that models with ``serving = "sklearn"`` may load.

    Raises
    ------
    EvergreenError
        As :func:`read_place` does.
    """
    return frozenset(read_place(file).trusted_types.replace(",", " ").split())


def read_place(file: Path = CDK_JSON) -> DeploymentPlace:
    """Return the stage and the region that ``cdk.json`` names.

    Raises
    ------
    EvergreenError
        If the file is missing, is not JSON, or one of the two is not a text.
    """
    try:
        return _CdkFile.model_validate_json(file.read_bytes()).context
    except (OSError, ValidationError) as error:
        raise EvergreenError(
            f"it cannot be read: {error}", where=str(file), fix="Restore it from git."
        ) from error
