"""What is deployed: the settings and the model definitions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdk.settings import Settings, read_settings
from evergreen.errors import EvergreenError
from evergreen.model_definition import LOG_COLUMNS, ModelDefinition, load_definitions
from evergreen.model_definition.packages import require_locked

if TYPE_CHECKING:
    from collections.abc import Mapping

_REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"


@dataclass(frozen=True, slots=True)
class AppDeployment:
    """A deployment: its settings, and its models with their folder."""

    settings: Settings
    models_folder: Path
    models: Mapping[str, ModelDefinition]


def read_deployment(context: Mapping[str, Any], models_folder: Path) -> AppDeployment:
    """Read the settings from the context and every model below ``models_folder``.

    Raises
    ------
    EvergreenError
        If a setting or a model definition is not valid, if there is no model at all, or if the
        packages that a model brings are not locked.
    """
    models = load_definitions(models_folder)
    if not models:
        raise EvergreenError(
            "no model found", where=str(models_folder), fix="Add a folder with a model.toml."
        )
    require_locked(models_folder, _REQUIREMENTS)
    settings = read_settings(context)
    if settings.engine == "athena":
        for definition in models.values():
            _check_column_names(definition)
    return AppDeployment(settings, models_folder, models)


def _check_column_names(definition: ModelDefinition) -> None:
    """Check that Athena, to which upper and lower case are the same, can tell columns apart."""
    known: dict[str, str] = {}
    for name in (*LOG_COLUMNS, *definition.features):
        other = known.setdefault(name.lower(), name)
        if other != name:
            raise EvergreenError(
                f"{other!r} and {name!r} are one column for Athena",
                where=f"{definition.name}: features",
                fix='Rename one of them, or set engine = "small" in cdk.json.',
            )
