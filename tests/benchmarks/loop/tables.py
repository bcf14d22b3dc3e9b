"""Numbers and tables as the page shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.benchmarks.loop.scoring import Difference


def signed(found: Difference) -> str:
    """Return a difference and its interval."""
    return f"{found.value:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"


def yes(value: bool) -> str:
    """Return whether a promise holds, so that a broken one is seen."""
    return "yes" if value else "**no**"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
