"""Replay every series under every policy, and write what came of it.

``python -m tests.benchmarks.loop`` writes ``docs/closed-loop.md``, its picture and
``.evergreen/bench/loop.json``; ``--quick`` does so on fewer rows. Series are replayed side by side,
one per processor.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from tests.benchmarks.loop.plot import to_svg
from tests.benchmarks.loop.report import to_json, to_page
from tests.benchmarks.loop.running import run

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]
PAGE, PICTURE, RECORD = "docs/closed-loop.md", "docs/closed-loop.svg", ".evergreen/bench/loop.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; nothing is written unless all of it has run."""
    parser = argparse.ArgumentParser(prog="make bench-loop", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows, under ten minutes")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    console = Console(stderr=True)
    # Being ended is being interrupted: the processes that replay are to end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        found = run(quick=options.quick, workers=options.workers, console=console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        return 130
    written = {
        RECORD: to_json(found),
        PICTURE: to_svg(found),
        PAGE: to_page(found, "quick" if options.quick else "full", Path(PICTURE).name),
    }
    for name, text in written.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    kept = sum(all(one.promises.values()) for one in found)
    console.print(f"All promises hold on {kept} of {len(found)} series.")
    console.print(f"Written: {', '.join(written)}. Read {PAGE} next.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
