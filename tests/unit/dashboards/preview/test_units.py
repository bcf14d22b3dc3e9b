"""Values with Grafana's units."""

from __future__ import annotations

import json

import pytest

from dashboards.building.build import PROVISIONING
from dashboards.preview.units import with_unit


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "short", "0"),
        (8371, "short", "8.37 K"),
        (0.5, "short", "0.5"),
        (2.7e6, "cps", "2.7 Mil c/s"),
        (28.57, "percent", "28.6%"),
        (0.045, "percentunit", "4.5%"),
        (0.149, "s", "149 ms"),
        (5400, "s", "1.5 hour"),
        (0, "s", "0 s"),
        (1070, "ms", "1.07 s"),
        (3 * 2**20, "bytes", "3 MiB"),
        (542, "decmbytes", "542 MB"),
        (-1500, "short", "-1.5 K"),
        (23374, "none", "23,374"),
    ],
)
def test_values_read_as_in_grafana(value: float, unit: str, text: str) -> None:
    assert with_unit(value, unit) == text


def test_every_unit_of_the_dashboards_has_a_text() -> None:
    files = sorted((PROVISIONING / "dashboards").glob("*/*.json"))
    panels = [panel for file in files for panel in json.loads(file.read_text())["panels"]]
    units = {panel["fieldConfig"]["defaults"].get("unit") for panel in panels if "targets" in panel}
    assert len(units) > 5
    for unit in sorted(units):
        assert with_unit(1, unit)
    with pytest.raises(ValueError, match="parsec"):
        with_unit(1, "parsec")
