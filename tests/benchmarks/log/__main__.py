"""What the request log costs, beside DuckDB and Polars.

`python -m tests.benchmarks.log [--quick | --large]` writes docs/request-log.md and
.evergreen/bench/log.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from local.files import write_whole
from tests.benchmarks.log import report
from tests.benchmarks.log.encoding import measure_encoding, measure_least
from tests.benchmarks.log.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / ".evergreen" / "bench"
REPORT = ROOT / "docs" / "request-log.md"
_QUICK = (10_000, 100_000, 200_000, 1_000_000)
_LARGE = (5_000_000,)
_READ_ROWS = 1_000_000
_LARGE_DAY = 6_500_000
"""More than 5 GB of JSON lines, for the function's own memory and one core."""
_REQUESTS = (1, 10, 100, 1000)
"""Rows of the requests whose encoding is measured."""
_USUAL_REQUEST = 100
_ROUNDS = 3
_REPEATED_ROWS = 10_000
"""Up to so many rows, each tool is measured three times and the median is reported."""


def main() -> None:
    """Run and write both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    part = parser.add_mutually_exclusive_group()
    part.add_argument("--quick", action="store_true", help="up to a million rows, under 5 minutes")
    part.add_argument(
        "--large", action="store_true", help="what --quick leaves out, beside what it has measured"
    )
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    numbers = FOLDER / "log.json"
    console = Console()
    known = json.loads(numbers.read_text()) if numbers.exists() else {}
    found = known if asked.large else measure(console)
    large = known_large(known) if asked.quick else measure_large(console)
    small = [entry for entry in found["compaction"] if entry["rows"] not in _LARGE]
    found |= {**large, "compaction": small + large["compaction"]}
    write_whole(numbers, json.dumps(found, indent=1) + "\n")
    write_whole(REPORT, report.render(found))
    console.print(f"Table: {REPORT.relative_to(ROOT)}; numbers: .evergreen/bench/log.json")


def measure(console: Console) -> dict[str, Any]:
    """Measure up to a million rows; tools take turns, each in a process of its own."""
    others = os.getloadavg()[0]
    compaction: list[dict[str, Any]] = []
    read: list[dict[str, Any]] = []
    for rows in _QUICK:
        compacted, told = _of_size(console, rows)
        compaction += compacted
        read += told
    encoding = {rows: measure_encoding(rows) for rows in _REQUESTS}
    return {
        "run": "quick",
        "date": _today(),
        "cores": os.cpu_count(),
        "others": others,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("duckdb", "polars", "pyarrow", "pyiceberg")},
        "compaction": compaction,
        "read": read,
        "encode_us": encoding[_USUAL_REQUEST].encode_us,
        "encode_us_by_request": {str(rows): cost.encode_us for rows, cost in encoding.items()},
        "encode_least_us": {str(rows): measure_least(rows) for rows in _REQUESTS},
        "calls_per_1000_rows": {str(rows): cost.calls for rows, cost in encoding.items()},
    }


def measure_large(console: Console) -> dict[str, Any]:
    """Measure what takes long."""
    others = os.getloadavg()[0]
    return {
        "run": "full",
        "compaction": [entry for rows in _LARGE for entry in _of_size(console, rows)[0]],
        "large": {"date": _today(), "others": others, "day": _large_day(console)},
    }


def known_large(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an earlier run has measured of what takes long."""
    entries = known.get("compaction", [])
    return {
        "compaction": [entry for entry in entries if entry["rows"] in _LARGE],
        "large": known.get("large"),
    }


def _of_size(console: Console, rows: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Measure compactions of a day of so many rows, and for one of the sizes its reading."""
    compaction, read = [], []
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        size = _write(console, rows, folder)
        if rows == _READ_ROWS:
            read += _read(console, "JSON lines", folder)
        for tool in TOOLS:
            entry = _median(rows, tool, folder)
            compaction.append({"rows": rows, "raw_mb": size / 2**20, **entry})
            console.print(f"  {tool}: {_said(entry)}")
        if rows == _READ_ROWS:
            read += _read(console, "table", folder)
    return compaction, read


def _today() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d}"


def _write(console: Console, rows: int, folder: str) -> int:
    console.print(f"{rows:,} rows")
    size: int = _worker("write", str(rows), folder)["bytes"]
    return size


def _large_day(console: Console) -> dict[str, Any]:
    """Measure our compaction of a large day as the function does it: its memory, and one core."""
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        size = _write(console, _LARGE_DAY, folder)
        entry = _worker("large", "evergreen", folder)
    console.print(f"  evergreen, as the function: {_said(entry)}")
    return {"rows": _LARGE_DAY, "raw_mb": size / 2**20, **entry}


def _said(entry: dict[str, Any]) -> str:
    if "cpu_seconds" not in entry:
        return "out of memory"
    return f"{entry['cpu_seconds']:.2f} s of CPU, {entry['peak_mb']:,.0f} MB"


def _median(rows: int, tool: str, folder: str) -> dict[str, Any]:
    rounds = _ROUNDS if rows <= _REPEATED_ROWS else 1
    entries = [_worker("compact", tool, folder) for _ in range(rounds)]
    return sorted(entries, key=lambda entry: float(entry.get("cpu_seconds", 0)))[rounds // 2]


def _read(console: Console, source: str, folder: str) -> list[dict[str, Any]]:
    found = []
    for columns in ("one feature", "all columns"):
        entry = _worker("read", columns, folder)
        found.append({"source": source, "columns": columns, **entry})
        console.print(f"  {columns} from {source}: {entry['cpu_seconds']:.2f} s of CPU")
    return found


def _worker(part: str, argument: str, folder: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.log.worker", part, argument, folder],
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers/evergreen/python")]),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and "memory" in done.stderr.lower():
        return {"tool": argument}
    if done.returncode:
        sys.exit(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    main()
