"""Writes the pages: `python -m cli.reference`."""

from __future__ import annotations

from pathlib import Path

from cli.reference.commands import render_commands_page
from cli.reference.library import render_library_page

SITE_PAGES = {"cli.md": render_commands_page, "library.md": render_library_page}
"""What renders each page, by its name below `docs/reference`."""
_FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def write_site_pages() -> None:
    """Write the pages."""
    for name, render in SITE_PAGES.items():
        (_FOLDER / name).write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    write_site_pages()
