"""Which settings a deployment to an emulator has, and how the app finds out that it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

DRIFT_PERIOD = "1 minute"
"""Time between two drift checks of a schedule, so that a person sees results soon."""
COOLDOWN = "1 second"
FLUSH_SECONDS = 1
_OF_AWS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


def emulator_settings(
    *,
    tracking: str | None,
    lake_catalog: str | None,
    drift_period: str = DRIFT_PERIOD,
    cooldown: str = COOLDOWN,
    flush_seconds: int = FLUSH_SECONDS,
) -> dict[str, str]:
    """Return the settings of a deployment to an emulator, as CDK context.

    Parameters
    ----------
    tracking
        Address of the MLflow server; None for the registry in the data bucket.
    lake_catalog
        SQLAlchemy URI of the tables' catalogue; None for Glue.
    drift_period, cooldown, flush_seconds
        Replace those of every model.
    """
    return {
        "emulator": "true",
        "drift_period": drift_period,
        "cooldown": cooldown,
        "flush_seconds": str(flush_seconds),
        "tracking": tracking or "none",
        "lake_catalog": lake_catalog or "glue",
        # An emulator has no Athena. The other engine finds the same rows.
        "engine": "small",
    }


def is_emulator(environ: Mapping[str, str]) -> bool:
    """Return whether the endpoint in the environment is not one of AWS."""
    host = urlsplit(environ.get("AWS_ENDPOINT_URL", "")).hostname
    return host is not None and not host.endswith(_OF_AWS)


def recognise_emulator(
    context: Mapping[str, Any], file: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, str]:
    """Return what the context must also have if cdk is called for an emulator; else nothing.

    A setting that was given with ``-c`` stays. cdk joins both, so that is one which differs from
    ``cdk.json``. What is as it must be already is not named again.

    Parameters
    ----------
    context
        The context of the app.
    file
        The context in ``cdk.json``.
    environ
        The variables that `evergreen up` prints: ``AWS_ENDPOINT_URL``, ``MLFLOW_TRACKING_URI`` and
        ``EVERGREEN_LAKE_CATALOG``.
    """
    if not is_emulator(environ):
        return {}
    settings = emulator_settings(
        tracking=environ.get("MLFLOW_TRACKING_URI"),
        lake_catalog=environ.get("EVERGREEN_LAKE_CATALOG"),
    )
    return {
        key: value for key, value in settings.items() if context.get(key) == file.get(key) != value
    }
