"""One measurement of time and memory, in a process of its own.

``store`` draws the rows and writes them down; ``measure`` reads them, so that drawing leaves no
mark on the memory that is measured, and runs one detector once.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.drift.data import Cell, Shift, draw
from tests.benchmarks.drift.worker import answers_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.benchmarks.drift.data import Columns

LOGGED = "ours: whole check, log read too"
DETECTORS = {
    "ours: decision": "drift",
    LOGGED: "drift",
    "Evidently DataDriftPreset": "drift",
    "NannyML univariate": "bench",
    "NannyML domain classifier": "bench",
    "sorting the numbers": "drift",
}
MOVED = Shift("mean", 0.5)
"""All 20 numbers move by half a standard deviation: every detector should say so."""
_MIB = 2**20


def store(rows: int, folder: Path) -> None:
    """Write ``rows`` rows a side, 20 numbers and 5 categories, as columns and as a log."""
    from tests.benchmarks.drift import logged  # noqa: PLC0415

    reference, window = draw(Cell(rows, rows, 25), MOVED, 0)
    logged.store(reference, window, folder)
    for side, columns in (("reference", reference), ("window", window)):
        arrays: dict[str, Any] = {}
        for name, values in columns.items():
            if values.dtype == object:
                labels, codes = np.unique(values.astype(str), return_inverse=True)
                arrays |= {f"{name}/labels": labels, f"{name}/codes": codes.astype(np.int8)}
            else:
                arrays[name] = values
        np.savez(folder / f"{side}.npz", **arrays)


def measure(detector: str, folder: Path) -> dict[str, Any]:
    """Run a detector on what is stored: seconds without imports, memory beyond the data's."""
    names = () if detector == LOGGED else ("reference", "window")
    sides = [_load(folder / f"{side}.npz") for side in names]
    gc.collect()
    held = _resident()
    began = time.perf_counter()
    run = _prepare_log(folder) if detector == LOGGED else _prepare(detector, *sides)
    used, started = time.process_time(), time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        drifted = run()
    seconds, computed = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "detector": detector,
        "seconds": seconds,
        "cpu_seconds": computed,
        "peak_mb": peak - held,
        "data_mb": held,
        "import_seconds": started - began,
        "drifted": drifted,
    }


def _load(file: Path) -> Columns:
    columns: Columns = {}
    with np.load(file) as stored:
        for name in stored.files:
            column, _, part = name.partition("/")
            if part == "codes":
                columns[column] = stored[f"{column}/labels"].astype(object)[stored[name]]
            elif not part:
                columns[column] = stored[name]
    return columns


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / _MIB


def _prepare(detector: str, reference: Columns, window: Columns) -> Callable[[], bool]:
    # Each detector's libraries, and the form it wants its data in, are not part of its time.
    warnings.simplefilter("ignore")
    if detector.startswith("NannyML"):
        from tests.benchmarks.drift.detectors import nannyml  # noqa: PLC0415

        chosen = nannyml.univariate if detector.endswith("univariate") else nannyml.classifier
        return lambda: any(chosen(reference, window).values())
    if detector.startswith("Evidently"):
        from tests.benchmarks.drift.detectors import evidently_preset  # noqa: PLC0415

        return evidently_preset.whole_report(reference, window)
    if detector.startswith("sorting"):
        return lambda: (
            [np.sort(side[name]).size for side in (reference, window) for name in _numbers(side)]
            == []
        )
    import evergreen.drift.detectors.evidently_adapter  # noqa: F401, PLC0415
    from tests.benchmarks.drift.detectors import ours  # noqa: PLC0415

    return lambda: ours.decision(reference, window)["ours: decision"]


def _prepare_log(folder: Path) -> Callable[[], bool]:
    import evergreen.drift.detectors.evidently_adapter  # noqa: F401, PLC0415
    from tests.benchmarks.drift import logged  # noqa: PLC0415

    return lambda: logged.run(folder)


def _numbers(columns: Columns) -> list[str]:
    return [name for name, values in columns.items() if values.dtype != object]


def main() -> None:
    """``store ROWS FOLDER`` or ``measure DETECTOR FOLDER``."""
    command, what, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    with answers_apart() as answers:
        if command == "store":
            store(int(what), folder)
        else:
            answers.write(json.dumps(measure(what, folder)) + "\n")


if __name__ == "__main__":
    main()
