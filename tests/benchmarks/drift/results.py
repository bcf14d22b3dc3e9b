"""From counts to rates: false alarms with their intervals, and power where it is honest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.benchmarks.drift.intervals import clopper_pearson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.benchmarks.drift.cells import Task

BOUND = 0.05
"""False alarms that a detector may raise and still be called honest."""
OURS = "ours: "


def summarise(
    tasks: Sequence[Task], answers: Mapping[str, Mapping[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Return the lists ``false_alarms`` and ``power``, one entry per detector and task."""
    false_alarms, power = [], []
    for task in tasks:
        answer = answers[task.key]
        repetitions = int(answer["repetitions"])
        for detector, hits in answer["hits"].items():
            low, high = clopper_pearson(hits, repetitions)
            entry = {
                "detector": detector,
                "reference": task.cell.reference,
                "window": task.cell.window,
                "features": task.cell.features,
                "rate": hits / repetitions,
                "low": low,
                "high": high,
                "repetitions": repetitions,
                "hits": hits,
            }
            if task.shift.kind == "none":
                false_alarms.append(entry)
            else:
                shift = {"shift": task.shift.size, "kind": task.shift.label}
                power.append({**entry, **shift})
    return {"false_alarms": false_alarms, "power": power}


def pooled(entries: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Sum each detector's false alarms over all cells."""
    sums: dict[str, list[int]] = {}
    for entry in entries:
        found = sums.setdefault(entry["detector"], [0, 0])
        found[0] += entry["hits"]
        found[1] += entry["repetitions"]
    return [
        {"detector": name, "hits": hits, "repetitions": count, "rate": hits / count}
        | dict(zip(("low", "high"), clopper_pearson(hits, count), strict=True))
        for name, (hits, count) in sums.items()
    ]


def honest(false_alarms: Iterable[Mapping[str, Any]]) -> set[tuple[str, int, int, int]]:
    """Return detector, reference, window, features of which 5 % lie within or above the interval.

    Where so few false alarms were seen that 5 % cannot be excluded the detector has the benefit
    of the doubt.
    """
    return {(entry["detector"], *cell_of(entry)) for entry in false_alarms if entry["low"] <= BOUND}


def cell_of(entry: Mapping[str, Any]) -> tuple[int, int, int]:
    """Return the sizes an entry was measured at."""
    return entry["reference"], entry["window"], entry["features"]


def behind(
    power: Sequence[Mapping[str, Any]], allowed: set[tuple[str, int, int, int]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return where our decision is surely weaker than an honest peer: their intervals part."""
    found = []
    for mine in power:
        if mine["detector"] != f"{OURS}decision":
            continue
        peers = [
            entry
            for entry in power
            if not entry["detector"].startswith(OURS)
            and (entry["detector"], *cell_of(entry)) in allowed
            and (*cell_of(entry), entry["kind"], entry["shift"])
            == (*cell_of(mine), mine["kind"], mine["shift"])
        ]
        best = max(peers, key=lambda entry: entry["rate"], default=None)
        if best is not None and best["low"] > mine["high"]:
            found.append((mine, best))
    return found
