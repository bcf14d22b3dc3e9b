"""How the command line speaks: one line for each thing that happens, results, errors."""

from __future__ import annotations

import json
import sys

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def progress(subject: str, what: str) -> None:
    """Say what is happening to something."""
    # stderr, so that --json leaves stdout to the document.
    err.print(f"[bold]{subject:<15}[/bold] {what}", soft_wrap=True)


def document(content: object) -> None:
    """Print a JSON document for scripts."""
    sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")


def failure(message: str) -> None:
    """Print an error for people."""
    err.print("[bold red]error[/bold red]", end=" ")
    err.print(message, markup=False, soft_wrap=True)
