"""Writes docs/performance.md from the numbers of serving.json: nothing in it is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.measured_page import fill_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Entry = Mapping[str, Any]

_GOALS = {("mlserver", 1): 10, ("mlflow", 1): 15, ("mlserver", 100): 4}
"""How many times the requests a second of a server at a number of rows; elsewhere once."""
_COLD_GOALS = {"sklearn + joblib + FastAPI": 4, "mlflow.pyfunc": 6}
"""The part of its time that a cold start may take: a fourth, a sixth."""
_TEXT = Path(__file__).with_name("report.md")


def render(found: Mapping[str, Any]) -> str:
    """Write the page from the numbers of ``serving.json``."""
    parts = {
        "ANSWERS": _answers(found["in_process"]),
        "STAGES": _stages(found["in_process"]),
        "HTTP": _http(found["http"]),
        "GOALS": _goals(found["http"]),
        "COLD": _cold(found["cold"]),
        "UNZIPPED": f"{found['unzipped_mb']:.1f}",
    }
    return fill_page(_TEXT, found, "bench-serving", parts)


def _answers(entries: Sequence[Entry]) -> str:
    lines = [
        "| model | rows | median | 99th percentile | floor | floor without log | of the floor |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {entry['model']} | {entry['rows']:,} | {_ms(entry['p50_us'])} | "
        f"{_ms(entry['p99_us'])} | {_ms(entry['floor_us'])} | {_ms(entry['unlogged_us'])} | "
        f"{entry['p50_us'] / entry['floor_us']:.2f}x |"
        for entry in entries
    ]
    return "\n".join(lines)


def _stages(entries: Sequence[Entry]) -> str:
    stages = list(entries[0]["stages_us"])
    lines = [
        f"| model | rows | {' | '.join(stages)} |",
        "|---" * (len(stages) + 2) + "|",
    ]
    lines += [
        f"| {entry['model']} | {entry['rows']:,} | "
        + " | ".join(_ms(entry["stages_us"][stage]) for stage in stages)
        + " |"
        for entry in entries
    ]
    return "\n".join(lines)


def _http(entries: Sequence[Entry]) -> str:
    lines = [
        "| model | rows | at once | server | form | requests a second | 99th percentile |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {entry['model']} | {entry['rows']:,} | {entry['concurrency']} | {entry['server']} | "
        f"{entry['form']} | {entry['requests_per_second']:,.0f} | {entry['p99_ms']:,.1f} ms |"
        for entry in entries
    ]
    return "\n".join(lines)


def _goals(entries: Sequence[Entry]) -> str:
    lines = [
        "| model | rows | at once | beside | Evergreen's requests a second | goal | of its p99 |",
        "|---|---|---|---|---|---|---|",
    ]
    ours = {_place(entry): entry for entry in entries if entry["server"] == "evergreen"}
    for entry in entries:
        if entry["server"] == "evergreen" or _place(entry) not in ours:
            continue
        mine = ours[_place(entry)]
        ratio = mine["requests_per_second"] / entry["requests_per_second"]
        goal = _GOALS.get((entry["server"], entry["rows"]), 1)
        lines.append(
            f"| {entry['model']} | {entry['rows']:,} | {entry['concurrency']} | {entry['server']} "
            f"| {ratio:.1f}x | {goal}x: {'met' if ratio >= goal else 'not met'} "
            f"| {mine['p99_ms'] / entry['p99_ms']:.2f}x |"
        )
    return "\n".join(lines)


def _place(entry: Entry) -> tuple[Any, ...]:
    return entry["model"], entry["rows"], entry["concurrency"], entry["form"]


def _cold(entries: Sequence[Entry]) -> str:
    ours = next(float(each["ms"]) for each in entries if each["variant"] == "evergreen")
    lines = ["| | milliseconds | Evergreen takes | goal |", "|---|---|---|---|"]
    for each in entries:
        ratio, part = ours / each["ms"], _COLD_GOALS.get(each["variant"])
        goal = f"1/{part}: {'met' if ratio <= 1 / part else 'not met'}" if part else ""
        lines.append(f"| {each['variant']} | {each['ms']:,.0f} | {ratio:.2f}x of it | {goal} |")
    return "\n".join(lines)


def _ms(microseconds: float) -> str:
    return f"{microseconds / 1000:.2f} ms"
