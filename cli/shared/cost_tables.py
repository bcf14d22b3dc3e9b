"""The costs of a deployment to AWS, and the cells of the tables that show them."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import app
from cdk.cost.standing import scheduled_costs, standing_costs
from cdk.cost.usage import Traffic, usage_costs
from cdk.deployment import read_deployment
from cli.shared.examples import MODELS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk.cost.standing import Cost, PriceList
    from cdk.deployment import AppDeployment


def costs_of(chosen: dict[str, str], prices: PriceList) -> list[Cost]:
    """Return what an unused deployment costs, with the settings of ``cdk.json`` and ``chosen``."""
    with TemporaryDirectory() as folder:
        app.synthesise(chosen, MODELS, folder)
        files = sorted(Path(folder).glob("*.template.json"))
        templates = [json.loads(file.read_bytes()) for file in files]
    deployment = _deployment(chosen)
    scheduled = scheduled_costs(deployment.models.values(), deployment.settings, prices)
    return [*standing_costs(templates, prices), *scheduled]


def usage_of(
    chosen: dict[str, str], prices: PriceList, predictions: list[int], rows: int
) -> dict[int, list[Cost]]:
    """Return what predictions cost beside that, by their number in a month."""
    deployment = _deployment(chosen)
    models, settings = [*deployment.models.values()], deployment.settings
    return {
        number: [*usage_costs(Traffic(number, rows), models, settings, prices)]
        for number in predictions
    }


def _deployment(chosen: dict[str, str]) -> AppDeployment:
    context = json.loads((MODELS.parent / "cdk.json").read_bytes())["context"]
    return read_deployment({**context, **chosen}, MODELS)


def usage_rows(used: Mapping[int, list[Cost]]) -> list[tuple[str, ...]]:
    """Return the cells of the table: what, formula, and the dollars of each number of rows."""
    columns = [*used.values()]
    lines = [
        (first.what, first.formula, *(_money(each[place].dollars) for each in columns))
        for place, first in enumerate(columns[0])
    ]
    totals = (_money(sum(each.dollars or 0 for each in lines)) for lines in columns)
    return [*lines, ("Together", "", *totals)]


def cost_rows(costs: list[Cost]) -> list[tuple[str, str, str, str]]:
    """Return the cells of the table: what, formula, list price, without what is free."""
    known = [(each, each.dollars) for each in costs if each.dollars is not None]
    total = sum(dollars for _, dollars in known)
    paid = sum(dollars - each.free for each, dollars in known)
    lines = [
        (each.what, each.formula, _money(each.dollars), _money(each.dollars, each.free))
        for each in costs
    ]
    return [*lines, ("Together", "", _money(total), _money(paid))]


def _money(dollars: float | None, free: float = 0) -> str:
    return "?" if dollars is None else f"${dollars - free:.2f}"
