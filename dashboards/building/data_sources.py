"""The provisioned data sources and dashboard providers.

Values that differ between installations come from Grafana's environment variables at its start.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboards.building.source import Source

FOLDER = "Evergreen"
_MOUNTED = "/etc/grafana/provisioning/dashboards"


def cloudwatch(source: Source) -> dict[str, Any]:
    """Return the CloudWatch data source; credentials come from the AWS SDK's default chain."""
    settings = {
        "authType": "default",
        "defaultRegion": "${AWS_REGION}",
        # Empty for AWS; set for an emulator.
        "endpoint": "${EVERGREEN_CLOUDWATCH_ENDPOINT}",
    }
    return _one(source, {"isDefault": True, "jsonData": settings})


def prometheus(source: Source) -> dict[str, Any]:
    """Return the Prometheus data source."""
    settings = {"httpMethod": "POST"}
    return _one(source, {"url": "${EVERGREEN_PROMETHEUS_URL}", "jsonData": settings})


def providers(sources: Sequence[Source]) -> dict[str, Any]:
    """Return the provider of each data source's dashboards: one folder each."""
    return {
        "apiVersion": 1,
        "providers": [
            {
                "name": f"evergreen-{source.key}",
                "orgId": 1,
                "folder": f"{FOLDER} {source.title}",
                "folderUid": f"evergreen-{source.key}",
                "type": "file",
                "disableDeletion": True,
                "allowUiUpdates": False,
                "options": {"path": f"{_MOUNTED}/{source.key}"},
            }
            for source in sources
        ],
    }


def _one(source: Source, more: dict[str, Any]) -> dict[str, Any]:
    reference = source.reference
    one = {
        "name": f"{FOLDER} {source.title}",
        "type": reference.type_val,
        "uid": reference.uid,
        "access": "proxy",
        "orgId": 1,
        **more,
    }
    return {"apiVersion": 1, "datasources": [one]}
