"""Writes docs/detection.md: nothing in it is written by hand."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.drift.environments import PATHS
from tests.benchmarks.drift.results import BOUND, OURS, behind, cell_of, honest, pooled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Entry = Mapping[str, Any]

_ROWS = frozenset({10_000, 100_000, 1_000_000})
_TEXT = Path(__file__).with_name("report.md")
_LOCKED = {
    "drift": ("evidently", "scikit-learn", "scipy", "numpy"),
    "bench": ("nannyml", "menelaus", "river"),
}


def versions() -> dict[str, str]:
    """Return the versions of everything compared, from the locks of their environments."""
    found = {"python": platform.python_version(), "evergreen": version("evergreen-mlops")}
    for environment, packages in _LOCKED.items():
        lines = (PATHS.requirements / f"{environment}.lock").read_text().splitlines()
        pins = dict(line.split(" ")[0].split("==") for line in lines if "==" in line[:60])
        found |= {package: pins[package] for package in packages}
    return found


def render(found: Mapping[str, Any]) -> str:
    """Write the page from the numbers of ``drift.json``."""
    false_alarms, power = found["false_alarms"], found["power"]
    allowed = honest(false_alarms)
    parts = {
        "RUN": _run(found),
        "POOLED": _pooled(false_alarms),
        "FALSE_ALARMS": _grid(false_alarms),
        "ABOVE": _above(false_alarms),
        "POWER": _power(power, allowed),
        "BEHIND": _behind(power, allowed),
        "STREAMS": _streams(found["streams"]),
        "MONTHS": _months(found["months"]),
        "SPEED": _speed(found["speed"]),
        "RATIOS": _ratios(found["speed"]),
    }
    text = _TEXT.read_text()
    for name, part in parts.items():
        text = text.replace(f"@{name}@", part)
    return text


def _run(found: Mapping[str, Any]) -> str:
    versions_used = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    again = "QUICK=1 make bench-drift" if found["run"] == "quick" else "make bench-drift"
    state = "complete"
    missing = [
        *(name for name in ("streams", "months") if not found[name]),
        *(f"speed at {rows:,} rows" for rows in _ROWS - {item["rows"] for item in found["speed"]}),
    ]
    without = f", and without {', '.join(missing)}" if missing else ""
    if missing or found["tasks"] < found["tasks_planned"]:
        state = (
            f"**stopped before its end**: {found['tasks']} of {found['tasks_planned']} tasks of "
            f"the simulation{without}; what is not "
            "there was not measured, and the same command goes on from here"
        )
    return (
        f"The **{found['run']}** run (`{again}`) of {found['date']}, {state}. "
        f"Versions: {versions_used}."
    )


def _rate(entry: Entry) -> str:
    if "low" not in entry:
        return f"{entry['rate']:.0%}"
    return f"{entry['rate']:.1%} ({entry['low']:.1%}–{entry['high']:.1%})"


def _pooled(false_alarms: Sequence[Entry]) -> str:
    rows = [
        (entry["detector"], f"{entry['hits']} of {entry['repetitions']}", _rate(entry))
        for entry in pooled(false_alarms)
    ]
    return _table(("detector", "alarms", "rate (95 % interval)"), rows)


def _grid(false_alarms: Sequence[Entry]) -> str:
    return _crossed(
        false_alarms,
        ("reference", "window", "features"),
        lambda entry: (f"{entry['reference']:,}", f"{entry['window']:,}", str(entry["features"])),
        lambda entry: f"{_rate(entry)}, n={entry['repetitions']}",
    )


def _above(false_alarms: Sequence[Entry]) -> str:
    broken = [
        entry
        for entry in false_alarms
        if entry["detector"].startswith(OURS) and entry["low"] > BOUND
    ]
    if not broken:
        return "No check of ours, in no cell, has an interval that lies above 5 %."
    rows = [
        (entry["detector"], *map(str, cell_of(entry)), _rate(entry), str(entry["repetitions"]))
        for entry in broken
    ]
    return (
        "Of ours, these have an interval that lies above 5 % (of so many cells, one in forty "
        "would by chance if the true rate were exactly 5 %):\n\n"
        + _table(("detector", "reference", "window", "features", "rate", "n"), rows)
    )


def _power(power: Sequence[Entry], allowed: set[tuple[str, int, int, int]]) -> str:
    def shown(entry: Entry) -> str:
        name = f"{entry['rate']:.0%}"
        return name if (entry["detector"], *cell_of(entry)) in allowed else f"({name})"

    parts = []
    for cell in dict.fromkeys(cell_of(entry) for entry in power):
        reference, window, features = cell
        here = [entry for entry in power if cell_of(entry) == cell]
        counts: dict[str, list[int]] = {}
        for entry in here:
            counts.setdefault(entry["detector"], []).append(entry["repetitions"])
        parts.append(
            f"**Reference {reference:,}, window {window:,}, {features} features**\n\n"
            + _crossed(
                here,
                ("what moves", "by"),
                lambda entry: (entry["kind"], f"{entry['shift']:g}"),
                shown,
            )
            + "\n\nRepetitions per shift: "
            + "; ".join(f"{name} {min(many)}–{max(many)}" for name, many in counts.items())
            + "."
        )
    return "\n\n".join(parts)


def _behind(power: Sequence[Entry], allowed: set[tuple[str, int, int, int]]) -> str:
    found = behind(power, allowed)
    if not found:
        return (
            "In no cell is our decision surely weaker (intervals that do not overlap) than the "
            "strongest peer whose false alarms may be within 5 % there."
        )
    rows = [
        (
            " / ".join(map(str, cell_of(mine))),
            f"{mine['kind']}, {mine['shift']:g}",
            _rate(mine),
            best["detector"],
            _rate(best),
        )
        for mine, best in found
    ]
    return (
        "Our decision is surely weaker (intervals that do not overlap) than an honest peer here:"
        "\n\n" + _table(("cell", "shift", "ours", "peer", "its power"), rows)
    )


def _streams(streams: Sequence[Entry]) -> str:
    def shown(entry: Entry) -> str:
        delay = "never" if entry["delay"] is None else str(entry["delay"])
        return f"{entry['alarms_before']}/{entry['windows_before']} · {delay}"

    return _crossed(streams, ("stream",), lambda entry: (entry["stream"],), shown)


def _months(months: Sequence[Entry]) -> str:
    rows = []
    for month in months:
        moved = month["drifted_features"]
        fired = [name for name, alarm in month["alarms"].items() if alarm]
        rows.append(
            (
                month["month"],
                f"{month['rows']:,}",
                f"{len(moved)}: {', '.join(moved)}" if moved else "none",
                ", ".join(fired) or "none",
                f"{month['champion']:.3f} / {month['challenger']:.3f}",
                f"{month['probability_better']:.2f}",
                month["decision"],
            )
        )
    titles = (
        *("month", "flights", "features that drifted", "who alarms"),
        *("F1 champion / challenger", "P(better)", "decision"),
    )
    return _table(titles, rows)


def _speed(speed: Sequence[Entry]) -> str:
    rows = [
        (
            f"{entry['rows']:,}",
            entry["detector"],
            f"{entry['seconds']:.2f}",
            f"{entry['cpu_seconds']:.2f}",
            f"{entry['peak_mb']:.0f}",
            f"{entry['data_mb']:.0f}",
            f"{entry['import_seconds']:.1f}",
            "yes" if entry["drifted"] else "no",
        )
        for entry in speed
    ]
    titles = (
        *("rows a side", "detector", "seconds", "CPU seconds", "peak MiB beyond the data"),
        *("data MiB", "import seconds", "drift"),
    )
    return _table(titles, rows)


def _ratios(speed: Sequence[Entry]) -> str:
    found = {(entry["rows"], entry["detector"]): entry for entry in speed}
    parts = []
    for rows in dict.fromkeys(entry["rows"] for entry in speed):
        mine, preset = found[rows, "ours: decision"], found[rows, "Evidently DataDriftPreset"]
        parts.append(
            f"{rows:,} rows: {preset['seconds'] / mine['seconds']:.1f}x faster than the preset "
            f"({preset['cpu_seconds'] / mine['cpu_seconds']:.1f}x in CPU time)"
        )
    return "; ".join(parts) + "."


def _crossed(
    entries: Iterable[Entry],
    titles: tuple[str, ...],
    row_of: Callable[[Entry], tuple[str, ...]],
    shown: Callable[[Entry], str],
) -> str:
    """Detectors side by side, one row per whatever ``row_of`` says."""
    table: dict[tuple[str, ...], dict[str, str]] = {}
    detectors: dict[str, None] = {}
    for entry in entries:
        detectors[entry["detector"]] = None
        table.setdefault(row_of(entry), {})[entry["detector"]] = shown(entry)
    rows = [(*row, *(cells.get(name, "–") for name in detectors)) for row, cells in table.items()]
    return _table((*titles, *detectors), rows)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    body = list(rows)
    if not body:
        return "Not measured in this run."
    lines = [titles, ["---"] * len(titles), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
