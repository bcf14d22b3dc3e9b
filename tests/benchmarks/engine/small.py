"""Runs one reading with the small engine in a process of its own: `small.py ROOT NAME`."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow.parquet as pq

from tests.benchmarks.engine.tables import small_engine


def main(root: Path, name: str) -> None:
    target = root / "small" / f"{name}.parquet"
    target.parent.mkdir(exist_ok=True)
    pq.write_table(small_engine(root, name), target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
