"""The report of refused lines of an imported file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Refusals:
    """The report of refused lines: a CSV file of line, field and reason.

    Parameters
    ----------
    path
        Where it is. It exists only if a line was refused.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def keep_until(self, line: int) -> None:
        """Forget the lines behind ``line``, which will be read again."""
        if not self.path.exists():
            return
        kept = self.path.with_name(self.path.name + ".new")
        with self.path.open(newline="") as before, kept.open("w", newline="") as after:
            rows = csv.reader(before)
            header = next(rows, None)
            writer = csv.writer(after)
            if header:
                writer.writerow(header)
            writer.writerows(row for row in rows if row and int(row[0]) <= line)
        if line:
            kept.replace(self.path)
        else:
            kept.unlink()
            self.path.unlink()

    def add(self, rows: list[tuple[int, str, str]]) -> None:
        """Append refused lines."""
        if not rows:
            return
        new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(("line", "field", "reason"))
            writer.writerows(rows)
