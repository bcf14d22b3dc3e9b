"""Output of the command line: progress lines, JSON results and errors."""

from __future__ import annotations

import json
import sys

from rich.console import Console

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)


def progress(subject: str, what: str) -> None:
    """Print one line of progress about a subject."""
    # To stderr: with --json, stdout holds only the document.
    err.print(f"[bold]{subject:<15}[/bold] {what}", soft_wrap=True)


def document(content: object) -> None:
    """Print a JSON document for scripts."""
    sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")


def failure(message: str) -> None:
    """Print an error message for the user."""
    err.print("[bold red]error[/bold red]", end=" ")
    err.print(message, markup=False, soft_wrap=True)
