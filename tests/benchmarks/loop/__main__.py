"""Replay whole series under several policies of retraining, and write what came of it.

Writes docs/closed-loop.md, its pictures and .evergreen/bench/loop.json. Series are replayed side by
side, one per processor. A replay is kept until the code that it depends on changes, so a run that
was stopped goes on where it was.

  make bench-loop               the series that may be looked at, and those of the examples
  QUICK=1 make bench-loop       eleven of those that may be looked at, with 24 periods and three
                                policies
  ONCE=1 make bench-loop        the half that is run once, when the work on the loop is over
  python -m tests.benchmarks.loop --part seen
                                only the series that may be looked at
  python -m tests.benchmarks.loop --series hurricanes --policy ours --policy calendar
                                one series under two policies; prints, and writes nothing unless
                                --write is given: the page then says what was not run
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from tests.benchmarks.loop.plot import to_overview, to_svg
from tests.benchmarks.loop.policies import REPLAYED
from tests.benchmarks.loop.promises import promises_of
from tests.benchmarks.loop.public.catalogue import FEW
from tests.benchmarks.loop.public.packages import prepare
from tests.benchmarks.loop.records import to_json
from tests.benchmarks.loop.report import part_of, to_page
from tests.benchmarks.loop.running import Plan, all_series, names_of, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.benchmarks.loop.replayed import Replayed

ROOT = Path(__file__).resolve().parents[3]
PAGE, RECORD = "docs/closed-loop.md", ".evergreen/bench/loop.json"
PROMISES, MONTHS = "docs/closed-loop-promises.svg", "docs/closed-loop.svg"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; nothing is written unless all of it has run."""
    options = _options(arguments)
    console = Console(stderr=True)
    # Being ended is being interrupted: the processes that replay are to end too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    series = tuple(options.series) or tuple(
        name for part in options.part for name in names_of(part, few=options.few)
    )
    plan = Plan(series, tuple(options.policy), options.quick)
    try:
        prepare(lambda name, what: console.print(f"{name}: {what}"))
        found = run(plan, workers=options.workers, console=console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        return 130
    _print(found, Console())
    if (options.series or options.policy) and not options.write:
        return 0
    _write(found, console, kind="quick" if options.quick else "full")
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.loop",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = all_series(quick=True)
    parser.add_argument("--quick", action="store_true", help="fewer rows, periods and policies")
    parser.add_argument(
        "--few",
        action="store_true",
        help=f"of the series that may be looked at only {', '.join(FEW)}",
    )
    parser.add_argument(
        "--part",
        action="append",
        choices=("seen", "once", "own"),
        help="which series: seen and once are the halves of other people's series with default "
        "settings, own are those of the examples (default: seen and own)",
    )
    parser.add_argument(
        "--series",
        action="append",
        default=[],
        choices=sorted(known),
        metavar="NAME",
        help=f"only this series; may be repeated. {', '.join(known)}",
    )
    parser.add_argument(
        "--policy",
        action="append",
        default=[],
        choices=sorted(REPLAYED),
        metavar="NAME",
        help=f"only this policy; may be repeated. {'; '.join(REPLAYED)}",
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the page also if only some series or policies were run",
    )
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    options = parser.parse_args(arguments)
    options.part = options.part or ["seen", "own"]
    hidden = sorted(set(options.series) & set(names_of("once")))
    if hidden and "once" not in options.part:
        parser.error(f"{hidden[0]} is in the half that is run once: say --part once if that is now")
    return options


def _print(found: Sequence[Replayed], console: Console) -> None:
    table = Table("series", "policy", "metric", "value", "retrained", "promoted", "wrongly")
    for one in found:
        for outcome in one.outcomes.values():
            table.add_row(
                *(outcome.series, outcome.policy, outcome.metric, f"{outcome.value:.4f}"),
                *(str(outcome.retrainings), str(outcome.promotions), str(outcome.wrong_promotions)),
            )
    console.print(table)


def _write(found: Sequence[Replayed], console: Console, *, kind: str) -> None:
    page = ROOT / PAGE
    before = page.read_text(encoding="utf-8") if page.exists() else ""
    seen, once, own = (
        [one for one in found if part_of(one.series) == part] for part in ("seen", "once", "own")
    )
    written = {RECORD: to_json(found), PAGE: to_page(found, before, kind)}
    if seen:
        written[PROMISES] = to_overview(seen)
    if own:
        written[MONTHS] = to_svg(own)
    for name, text in written.items():
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(text, encoding="utf-8")
    for promise in promises_of([*seen, *once]) if seen or once else []:
        console.print(f"{'holds' if promise.holds else 'MISSED'}: {promise.text}: {promise.found}")
    console.print(f"Written: {', '.join(written)}. Read {PAGE} next.")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.exit(main())
