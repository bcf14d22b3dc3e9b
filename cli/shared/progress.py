"""The live display of a command that takes several steps."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from cli.shared.console import err

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType


@dataclass
class Steps:
    """Shows each step while it runs, and the time it took; animated on a terminal.

    Parameters
    ----------
    console
        The console to write to.
    """

    console: Console = field(default_factory=lambda: err)
    seconds: dict[str, float] = field(default_factory=dict)
    """The duration of each step, by key."""
    _live: Live | None = None
    _title: str = ""
    _what: str = ""
    _began: float = 0.0

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(
                get_renderable=self._line,
                console=self.console,
                refresh_per_second=8,
                transient=True,
            )
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    @contextmanager
    def step(self, key: str, title: str) -> Iterator[Callable[[str], None]]:
        """Show one step; yields a function that takes a short text about the current work."""
        self._title, self._what, self._began = title, "", time.monotonic()
        if not self._live:
            self.console.print(f"  … {title}", soft_wrap=True)
        try:
            yield self._say
        except BaseException:
            self._finish(key, "[red]✗[/red]")
            raise
        self._finish(key, "[green]✓[/green]")

    def note(self, text: str) -> None:
        """Print a result of the last step below it."""
        self.console.print(f"      {text}", soft_wrap=True, markup=False)

    def _finish(self, key: str, mark: str) -> None:
        took = time.monotonic() - self._began
        self.seconds[key] = round(self.seconds.get(key, 0) + took, 1)
        self.console.print(f"  {mark} {self._title} [dim]{took:.0f} s[/dim]", soft_wrap=True)
        self._title = ""

    def _say(self, what: str) -> None:
        self._what = what

    def _line(self) -> Table | Text:
        if not self._title:
            return Text()
        took = time.monotonic() - self._began
        line = Table.grid(padding=(0, 1))
        line.add_row("", Spinner("dots"), self._title, Text(f"{self._what} {took:.0f} s", "dim"))
        return line
