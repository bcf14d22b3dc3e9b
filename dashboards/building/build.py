"""Writes all provisioned files of Grafana: ``python -m dashboards.building.build``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.building import alerting, data_sources
from dashboards.building.boards import build_board
from dashboards.building.cloudwatch_source import CloudWatch
from dashboards.building.layout import BOARDS
from dashboards.building.prometheus_source import Prometheus

if TYPE_CHECKING:
    from collections.abc import Mapping

PROVISIONING = Path(__file__).resolve().parents[1] / "provisioning"
SOURCES = (CloudWatch(), Prometheus())
_NOTE = "# Written by `python -m dashboards.building.build`; change the builders, not this file.\n"


def provisioning() -> Mapping[str, str]:
    """Return the text of every provisioned file, by its path in the provisioning folder."""
    files = {
        f"dashboards/{source.key}/{board}.json": _json(build_board(board, source))
        for source in SOURCES
        for board in BOARDS
    }
    files["dashboards/providers.yaml"] = _yaml(data_sources.providers(SOURCES))
    files["datasources/cloudwatch.yaml"] = _yaml(data_sources.cloudwatch(CloudWatch()))
    files["datasources/prometheus.yaml"] = _yaml(data_sources.prometheus(Prometheus()))
    files["alerting/rules.yaml"] = _yaml(alerting.rules(CloudWatch()))
    files["alerting/contact_points.yaml"] = _yaml(alerting.contact_points())
    return files


def write_dashboards(folder: Path) -> list[Path]:
    """Write the files, and delete those of earlier versions that no longer exist.

    Returns
    -------
    list of Path
        Every file of the folder.
    """
    files = {folder / path: text for path, text in provisioning().items()}
    for left in folder.rglob("*.*"):
        if left.is_file() and left not in files:
            left.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return sorted(files)


def _json(model: object) -> str:
    return json.dumps(model, cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _yaml(content: object) -> str:
    plain = json.loads(json.dumps(content, cls=JSONEncoder))
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100)
    return _NOTE + text


if __name__ == "__main__":
    for written in write_dashboards(PROVISIONING):
        sys.stdout.write(f"{written.relative_to(PROVISIONING)}\n")
