"""One measurement of CPU time and memory, in a process of its own; prints JSON.

`python -m tests.benchmarks.log.worker write|compact|large|read ARGUMENT FOLDER`
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.log.sample import DATABASE, DAY, DEFINITION, NUMBERS, write_day
from tests.benchmarks.log.tools import TOOLS, import_pandas, written_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_MIB = 1024
FUNCTION_MIB = 1769
"""Memory of the compaction function; with it AWS gives one virtual CPU."""
_MOST_MIB = 10_240
"""The most that any Lambda function can have."""


def write(rows: str, folder: Path) -> dict[str, Any]:
    """Write the day's raw objects."""
    return {"bytes": write_day(folder, int(rows))}


def compact(tool: str, folder: Path) -> dict[str, Any]:
    """Measure one tool; imports count for memory and not for time."""
    _limit(_MOST_MIB)
    measured = _measured(TOOLS[tool](folder))
    return {"tool": tool, **measured, "written_mb": written_bytes(tool, folder) / _MIB**2}


def large(tool: str, folder: Path) -> dict[str, Any]:
    """Measure one tool in the memory and the one core that the compaction function has."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    _limit(FUNCTION_MIB)
    measured = _measured(TOOLS[tool](folder))
    return {"tool": tool, **measured, "written_mb": written_bytes(tool, folder) / _MIB**2}


def _limit(mib: int) -> None:
    """Let the process have so much memory of its own; beyond it, an allocation fails."""
    resource.setrlimit(resource.RLIMIT_DATA, (mib * _MIB**2, mib * _MIB**2))


def read(columns: str, folder: Path) -> dict[str, Any]:
    """Measure the reading of the day: one feature's column, or all columns.

    Imports do not count, also not the one that pyarrow makes when it is first used; that is told by
    itself.
    """
    from evergreen.lake.catalog import open_catalog  # noqa: PLC0415
    from evergreen.lake.reader import Lake  # noqa: PLC0415
    from evergreen.lake.tables import REQUEST_LOG  # noqa: PLC0415
    from tests.support.folder_bucket import Folder  # noqa: PLC0415

    storage = Folder(folder)
    catalog = open_catalog(f"sqlite:///{folder}/catalog.db", storage, DATABASE)
    lake = Lake(storage, catalog, clock=lambda: DAY + timedelta(days=2))
    rows = 0

    def run() -> None:
        nonlocal rows
        wanted = NUMBERS[:1] if columns == "one feature" else None
        end = DAY + timedelta(days=1)
        for batch in lake.batches(REQUEST_LOG, DEFINITION, DAY, end, wanted):
            rows += batch.num_rows

    pandas = _measured(import_pandas)["cpu_seconds"]
    return {**_measured(run), "rows_read": rows, "pandas_seconds": pandas}


def _measured(run: Callable[[], None]) -> dict[str, float]:
    gc.collect()  # what the imports have left
    used, started = time.process_time(), time.perf_counter()
    run()
    return {
        "cpu_seconds": time.process_time() - used,
        "seconds": time.perf_counter() - started,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB,
    }


PARTS = {"write": write, "compact": compact, "large": large, "read": read}


if __name__ == "__main__":
    part, argument, folder = sys.argv[1:]
    sys.stdout.write(json.dumps(PARTS[part](argument, Path(folder))))
