"""Reader of the provisioned files: every query, as Grafana would send it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

QueryTarget = dict[str, Any]
"""One query, in the form of its data source."""


@dataclass(frozen=True, slots=True)
class Queries:
    """The queries of one panel, variable, annotation or alert rule.

    Parameters
    ----------
    place
        Readable name of the place of the queries.
    kind
        ``panel``, ``variable``, ``annotation`` or ``alert``.
    source
        Type of the data source.
    targets
        The queries, with the variables replaced.
    """

    place: str
    kind: str
    source: str
    targets: tuple[QueryTarget, ...]


def read_dashboards(folder: Path, source: str, variables: Mapping[str, str]) -> Iterator[Queries]:
    """Yield the queries of a data source's dashboards, with the variables replaced.

    Parameters
    ----------
    folder
        The provisioning folder.
    source
        Type of the data source, e.g. ``cloudwatch``.
    variables
        Value of each variable.
    """
    for path in sorted((folder / "dashboards" / source).glob("*.json")):
        board = json.loads(path.read_text())
        yield from _of_board(replace_variables(board, variables), source)


def read_alerts(folder: Path) -> Iterator[Queries]:
    """Yield the queries that alert rules send to a data source."""
    for path in sorted((folder / "alerting").glob("*.yaml")):
        for group in yaml.safe_load(path.read_text()).get("groups", []):
            for rule in group["rules"]:
                targets = [item["model"] for item in rule["data"]]
                asked = tuple(one for one in targets if one["datasource"]["type"] != "__expr__")
                source = asked[0]["datasource"]["type"]
                yield Queries(f"alert: {rule['title']}", "alert", source, asked)


def variable_query(folder: Path, source: str, name: str) -> QueryTarget | None:
    """Return the query of a variable, or None if the source's dashboards do not have it."""
    path = next(iter(sorted((folder / "dashboards" / source).glob("*.json"))))
    variables = json.loads(path.read_text())["templating"]["list"]
    return next((item["query"] for item in variables if item["name"] == name), None)


def _of_board(board: dict[str, Any], source: str) -> Iterator[Queries]:
    title = board["title"]
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            name = f"{title} / variable: {variable['name']}"
            yield Queries(name, "variable", source, (variable["query"],))
    for annotation in board["annotations"].get("list", []):
        name = f"{title} / annotation: {annotation['name']}"
        yield Queries(name, "annotation", source, (annotation.get("target") or annotation,))
    for panel in board["panels"]:
        if panel["type"] != "row":
            place = f"{title} / {panel['title']}"
            yield Queries(place, "panel", source, tuple(panel["targets"]))


def replace_variables(part: Any, variables: Mapping[str, str]) -> Any:  # noqa: ANN401 - any JSON value
    """Return a part of a dashboard with the variables replaced by their values."""
    if isinstance(part, str):
        for name, value in variables.items():
            part = part.replace(f"${{{name}}}", value).replace(f"${name}", value)
        return part
    if isinstance(part, list):
        return [replace_variables(item, variables) for item in part]
    if isinstance(part, dict):
        return {key: replace_variables(value, variables) for key, value in part.items()}
    return part
