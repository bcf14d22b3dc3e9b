"""The page of the estimates: how far they are from what came true."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from evergreen.model_definition import more_is_better
from local.settings import Paths
from tests.benchmarks.estimation.worlds import ALPHA

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_TEMPLATE = Path(__file__).with_name("report.md")


def to_page(record: Mapping[str, Any]) -> str:
    """Return the page of a record that the benchmark has written."""
    windows = record["windows"]
    costs = {(cost["series"], cost["metric"]): cost for cost in record["costs"]}
    lines: list[str] = []
    ratios: dict[str, list[float]] = {}
    for (name, metric), group in groupby(
        windows, key=lambda each: (each["series"], each["metric"])
    ):
        found = list(group)
        both = [each for each in found if each["nannyml"] is not None]
        ours, none = (_error(found, by) for by in ("ours", "promoted"))
        theirs, ratio, seconds = "–", "–", "–"
        if both:
            found = both
            ours, none, other = (_error(found, by) for by in ("ours", "promoted", "nannyml"))
            ratios.setdefault(metric, []).append(ours / other)
            theirs, ratio = f"{other:.4g}", f"{ours / other:.2f}"
            seconds = f"{costs[name, metric]['nannyml']:.2f} s"
        inside = sum(each["low"] <= each["true"] <= each["high"] for each in found)
        lines.append(
            f"| {name} | {metric} | {len(found)} | {ours:.4g} | {theirs} | {none:.4g} | {ratio} "
            f"| {inside} of {len(found)} | {costs[name, metric]['ours']:.2f} s, {seconds} |"
        )
    nearer = sum(
        abs(each["ours"] - each["true"]) <= abs(each["nannyml"] - each["true"])
        for each in windows
        if each["nannyml"] is not None
    )
    compared = sum(each["nannyml"] is not None for each in windows)
    every = [ratio for found in ratios.values() for ratio in found]
    by_metric = ", ".join(f"{name} {_mean_ratio(found)}" for name, found in sorted(ratios.items()))
    calm = [each for each in record["told"] if not each["harder"]]
    falls = [each for each in windows if each["worse"]]
    true = sum(_is_worse(each) for each in falls)
    parts = {
        "RUN": (
            f"Measured on {datetime.now(UTC):%Y-%m-%d} by `{record['command']}`, with scikit-learn "
            f"{version('scikit-learn')} and NannyML {_locked('nannyml')}."
        ),
        "TABLE": "\n".join(lines),
        "SUMMARY": (
            f"Over {len(every)} pairs of a series and a metric the mean ratio of the errors is "
            f"**{_mean_ratio(every)}**: below 1, ours are nearer to what came true. Of {compared} "
            f"windows ours is at least as near in {nearer}. By metric it is {by_metric}."
        ),
        "FALLS": (
            f"Of the {len(windows)} estimates above {len(falls)} are surely worse than "
            f"at promotion, and in {true} of these the metric that came true was worse."
        ),
        "FALSE": (
            f"In {sum(each['worse'] for each in calm)} of {len(calm)} estimates of quiet windows "
            "the metric is said to be worse."
        ),
        "TOLD": "\n".join(_told(record["told"])),
        "TRIALS": str(max(Counter(_key(each) for each in record["told"]).values(), default=0)),
        "ALPHA": f"{ALPHA:.2%}".replace("%", " %"),
    }
    text = _TEMPLATE.read_text()
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _told(told: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each metric, number of rows and kind of model, quiet beside harder."""
    sides: dict[tuple[Any, ...], dict[bool, list[Mapping[str, Any]]]] = {}
    for each in told:
        metric, rows, refit, harder = _key(each)
        sides.setdefault((rows, metric, refit), {}).setdefault(harder, []).append(each)
    for (rows, metric, refit), found in sorted(sides.items()):
        quiet, hard = found[False], found[True]
        said, inside = (
            [f"{sum(each[what] for each in side)} of {len(side)}" for side in (quiet, hard)]
            for what in ("worse", "inside")
        )
        change = sum(each["change"] for each in hard) / len(hard)
        yield (
            f"| {', '.join(f'{count:,}' for count in rows)} | {metric} "
            f"| {'refit' if refit else 'judged'} | {said[0]} | {said[1]} | {change:+.3f} "
            f"| {inside[0].split()[0]}, {inside[1]} |"
        )


def _key(told: Mapping[str, Any]) -> tuple[str, tuple[int, ...], bool, bool]:
    return told["metric"], tuple(told["rows"]), told["refit"], told["harder"]


def _is_worse(window: Mapping[str, Any]) -> bool:
    gain = float(window["true"]) - float(window["promoted"])
    return gain < 0 if more_is_better(window["metric"]) else gain > 0


def _mean_ratio(ratios: Sequence[float]) -> str:
    """Return the geometric mean, with its interval of 95 % by the differences between ratios."""
    logs = np.log(ratios)
    mean = float(np.exp(logs.mean()))
    if len(logs) < 2:
        return f"{mean:.2f}"
    error = float(stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs)))
    return f"{mean:.2f} [{mean * np.exp(-error):.2f}, {mean * np.exp(error):.2f}]"


def _error(windows: Sequence[Mapping[str, Any]], by: str) -> float:
    return _median([abs(float(each[by]) - each["true"]) for each in windows])


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _locked(package: str) -> str:
    root = Path(__file__).parents[3]
    lock = Paths(root=root, state=root / ".evergreen").requirements / "bench.lock"
    [line] = [each for each in lock.read_text().splitlines() if each.startswith(f"{package}==")]
    return line.split("==")[1].split()[0]
