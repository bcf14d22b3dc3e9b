"""What the compiler is given of a dashboard; ``make check-grafana-schema`` runs it."""

from __future__ import annotations

import json

import pytest

from dashboards.building.build import PROVISIONING
from dashboards.checking.grafana_types import HAND_WRITTEN, as_typescript, typed_parts


@pytest.mark.parametrize("source", ["cloudwatch", "prometheus"])
def test_every_part_is_given_once_and_only_queries_of_prometheus_are_left_out(source: str) -> None:
    board = json.loads((PROVISIONING / "dashboards" / source / "api.json").read_text())
    parts = list(typed_parts(board))
    known = (HAND_WRITTEN / "types.ts").read_text()
    assert all(f"export type {kind} =" in known for kind, _ in parts)
    targets = [target for panel in board["panels"] for target in panel.get("targets", [])]
    given = [part for kind, part in parts if kind == "CloudWatchQuery"]
    assert given == (targets if source == "cloudwatch" else [])
    panels = [part for _, part in parts if "gridPos" in part]
    assert [panel["id"] for panel in panels] == [panel["id"] for panel in board["panels"]]
    (whole,) = [part for kind, part in parts if kind == "Board"]
    assert whole.keys() | {"panels", "templating", "annotations"} == board.keys()


def test_each_constant_is_one_line_with_its_type_and_what_it_is() -> None:
    row = {"type": "row", "title": 'A "row" */', "id": 1}
    board = {"panels": [row], "templating": {"list": []}, "annotations": {}, "title": "B"}
    assert as_typescript({"x/api.json": board}) == [
        'import type * as grafana from "./types";',
        f'export const p1: grafana.Row = {json.dumps(row)}; // "x/api.json: A \\"row\\" */"',
        'export const p2: grafana.Board = {"title": "B"}; // "x/api.json: B"',
    ]


def test_a_kind_of_panel_without_a_type_is_an_error() -> None:
    board = {"panels": [{"type": "table", "title": "T"}], "templating": {"list": []}}
    with pytest.raises(KeyError, match="table"):
        list(typed_parts(board))
