"""The page of the estimates: how far they are from what came true."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from local.settings import Paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEMPLATE = Path(__file__).with_name("report.md")


def to_page(record: Mapping[str, Any]) -> str:
    """Return the page of a record that the benchmark has written."""
    windows, costs = record["windows"], {cost["series"]: cost for cost in record["costs"]}
    lines, ratios = [], []
    for name, group in groupby(windows, key=lambda each: each["series"]):
        found = [each for each in group if each["nannyml"] is not None]
        if not found:
            continue
        ours, theirs, none = (
            _median([abs(_guess(each, by) - each["true"]) for each in found])
            for by in ("ours", "nannyml", "promoted")
        )
        ratios.append(ours / theirs)
        inside = sum(each["low"] <= each["true"] <= each["high"] for each in found)
        cost = costs[name]
        lines.append(
            f"| {name} | {found[0]['metric']} | {len(found)} | {ours:.4g} | {theirs:.4g} "
            f"| {none:.4g} | {ours / theirs:.2f} | {inside} of {len(found)} "
            f"| {cost['ours']:.2f} s, {cost['nannyml']:.2f} s |"
        )
    nearer = sum(
        abs(each["ours"] - each["true"]) <= abs(each["nannyml"] - each["true"])
        for each in windows
        if each["nannyml"] is not None
    )
    compared = sum(each["nannyml"] is not None for each in windows)
    again = "QUICK=1 make bench-estimation" if record["quick"] else "make bench-estimation"
    parts = {
        "RUN": (
            f"Measured on {datetime.now(UTC):%Y-%m-%d} by `{again}`, with scikit-learn "
            f"{version('scikit-learn')} and NannyML {_locked('nannyml')}."
        ),
        "TABLE": "\n".join(lines),
        "SUMMARY": (
            f"Over {len(ratios)} series the median ratio of the errors is "
            f"**{_median(ratios):.2f}**: below 1, ours are nearer to what came true. Of {compared} "
            f"windows ours is at least as near in {nearer}."
        ),
    }
    text = _TEMPLATE.read_text()
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _guess(window: Mapping[str, Any], by: str) -> float:
    return float(window[by])


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _locked(package: str) -> str:
    root = Path(__file__).parents[3]
    lock = Paths(root=root, state=root / ".evergreen").requirements / "bench.lock"
    [line] = [each for each in lock.read_text().splitlines() if each.startswith(f"{package}==")]
    return line.split("==")[1].split()[0]
