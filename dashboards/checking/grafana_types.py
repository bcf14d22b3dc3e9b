"""Check of the provisioned dashboards against Grafana's own types: ``make check-grafana-schema``.

The npm package ``@grafana/schema`` has types of TypeScript and no JSON Schema. So each part of each
dashboard is written as a constant of its type, and the TypeScript compiler reads them all.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.shared import console
from dashboards.building.build import PROVISIONING

if TYPE_CHECKING:
    from collections.abc import Iterator

HAND_WRITTEN = Path(__file__).with_name("schema")
PANEL_TYPES = {
    "piechart": "Pie",
    "row": "Row",
    "stat": "Stat",
    "state-timeline": "States",
    "timeseries": "TimeSeries",
}
"""The types of ``types.ts``, by the panel's kind."""


def typed_parts(board: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield each part of a dashboard's JSON, with the name of its type in ``types.ts``.

    Queries of Prometheus are left out, because the package has no types of them.
    """
    for panel in board["panels"]:
        own = {name: value for name, value in panel.items() if name != "targets"}
        yield PANEL_TYPES[panel["type"]], own
        for target in panel.get("targets", []):
            if target["datasource"]["type"] == "cloudwatch":
                yield "CloudWatchQuery", target
    for variable in board["templating"]["list"]:
        yield "Variable", variable
    for annotation in board["annotations"].get("list", []):
        if "target" in annotation:
            yield "CloudWatchMarks", annotation["target"]
        kind = "PrometheusAnnotation" if "expr" in annotation else "Annotation"
        yield kind, {name: value for name, value in annotation.items() if name != "target"}
    inner = {"panels", "templating", "annotations"}
    yield "Board", {name: value for name, value in board.items() if name not in inner}


def as_typescript(boards: dict[str, dict[str, Any]]) -> list[str]:
    """Return the lines of a module with one constant for each part; none spans two lines."""
    lines = ['import type * as grafana from "./types";']
    for name, board in boards.items():
        for kind, part in typed_parts(board):
            shown = json.dumps(f"{name}: {part.get('title') or part.get('name', '')}")
            number = len(lines)
            lines.append(f"export const p{number}: grafana.{kind} = {json.dumps(part)}; // {shown}")
    return lines


def check_types(tools: Path) -> int:
    """Compile the provisioned dashboards and return the exit status of the compiler.

    Parameters
    ----------
    tools
        The folder with ``node_modules``, into which the module is written.
    """
    files = sorted((PROVISIONING / "dashboards").glob("*/*.json"))
    boards = {
        f"{path.parent.name}/{path.name}": json.loads(path.read_text(encoding="utf-8"))
        for path in files
    }
    lines = as_typescript(boards)
    for path in HAND_WRITTEN.glob("*.*"):
        (tools / path.name).write_bytes(path.read_bytes())
    (tools / "boards.ts").write_text("\n".join(lines) + "\n", encoding="utf-8")
    compiler = tools / "node_modules" / ".bin" / "tsc"
    # Fixed arguments; the compiler comes from the lock.
    status = subprocess.run([compiler, "--project", tools], check=False).returncode  # noqa: S603
    if status == 0:
        parts = len(lines) - 1
        console.out.print(f"{parts} parts of {len(boards)} dashboards have Grafana's types")
    return status


if __name__ == "__main__":
    sys.exit(check_types(Path(sys.argv[1])))
