"""Writes docs/request-log.md from the numbers of log.json: nothing in it is written by hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.measured_page import fill_page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Entry = Mapping[str, Any]

_TEXT = Path(__file__).with_name("report.md")
_COMPARED = ("duckdb", "polars")


def render(found: Mapping[str, Any]) -> str:
    """Write the page from the numbers of ``log.json``."""
    parts = {
        "COMPACTION": _compaction(found["compaction"]),
        "RATIOS": _ratios(found["compaction"]),
        "LARGE_DAY": _large_day(found["large"]),
        "READ": _read(found["read"]),
        "PANDAS": _pandas(found["read"]),
        "ENCODING": _encoding(found),
    }
    return fill_page(_TEXT, found, "bench-log", parts)


def _compaction(entries: Sequence[Entry]) -> str:
    lines = [
        "| rows | JSON lines | tool | CPU seconds | peak memory | Parquet |",
        "|---|---|---|---|---|---|",
    ]
    for entry in entries:
        measured = "more than 10 GB of memory | | |"
        if "cpu_seconds" in entry:
            measured = (
                f"{entry['cpu_seconds']:.2f} | {entry['peak_mb']:,.0f} MB | "
                f"{entry['written_mb']:,.1f} MB |"
            )
        begin = f"| {entry['rows']:,} | {entry['raw_mb']:,.0f} MB | {entry['tool']} | "
        lines.append(begin + measured)
    return "\n".join(lines)


def _ratios(entries: Sequence[Entry]) -> str:
    lines = ["| rows | speed against the faster of DuckDB and Polars |", "|---|---|"]
    for rows in dict.fromkeys(entry["rows"] for entry in entries):
        used = {
            entry["tool"]: float(entry["cpu_seconds"])
            for entry in entries
            if entry["rows"] == rows and "cpu_seconds" in entry
        }
        ratio = min(used[tool] for tool in _COMPARED if tool in used) / used["evergreen"]
        lines.append(f"| {rows:,} | {ratio:.2f}x |")
    return "\n".join(lines)


def _large_day(large: Entry | None) -> str:
    if large is None:
        return "It has not been measured here: a quick run leaves it out."
    entry: Entry = large["day"]
    return (
        f"A day of {entry['raw_mb'] * 2**20 / 1e9:.1f} GB, {entry['rows']:,} rows, with one core "
        f"and at most 1,769 MB of memory: {entry['cpu_seconds']:.0f} seconds of CPU, a peak of "
        f"{entry['peak_mb']:,.0f} MB. It took {entry['seconds']:.0f} seconds by the clock, beside "
        "the machine's other work.\n\nThis day, and the compaction of five million rows, were "
        f"measured by themselves, on {large['date']}. The load from other work\nwas "
        f"{large['others']:.1f} when the run began."
    )


def _read(entries: Sequence[Entry]) -> str:
    seconds = {(e["source"], e["columns"]): float(e["cpu_seconds"]) for e in entries}
    lines = [
        "| columns | from JSON lines | from the table | ratio |",
        "|---|---|---|---|",
    ]
    for columns in dict.fromkeys(entry["columns"] for entry in entries):
        raw, table = seconds["JSON lines", columns], seconds["table", columns]
        lines.append(f"| {columns} | {raw:.2f} s | {table:.2f} s | {raw / table:.0f}x |")
    return "\n".join(lines)


def _pandas(entries: Sequence[Entry]) -> str:
    seconds = sorted(float(entry["pandas_seconds"]) for entry in entries)[len(entries) // 2]
    return (
        "Imports are not counted. One is easily overlooked: pyarrow imports pandas, where it is\n"
        "installed, when it makes its first value. The first reading of a process then\n"
        f"takes {seconds:.2f} s longer, of either kind."
    )


def _encoding(found: Mapping[str, Any]) -> str:
    lines = [
        "| rows of a request | µs to encode a row | least | PutRecordBatch calls a 1,000 rows |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {int(rows):,} | {cost:.1f} | {found['encode_least_us'][rows]:.1f} "
        f"| {found['calls_per_1000_rows'][rows]:,.0f} |"
        for rows, cost in found["encode_us_by_request"].items()
    ]
    return "\n".join(lines)
