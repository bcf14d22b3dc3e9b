"""Packages that models bring, before a command trains here or deploys."""

from __future__ import annotations

from cli.shared.examples import MODELS
from local.model_packages import lock_packages, use_packages
from local.settings import read_settings


def ready_packages() -> None:
    """Lock the packages that models bring, and let this process import them.

    Raises
    ------
    ModelDefinitionError
        If they do not fit the training image.
    """
    paths = read_settings().paths
    lock_packages(MODELS, paths.requirements)
    use_packages(MODELS, paths.requirements, paths.root / ".evergreen" / "model-packages")
