"""The design of every page that a person opens in a browser: colours, and the frame of a report.

In: the parts of a page. Out: one HTML document that loads nothing. The drift report and the
evaluation report are made of it; the status page takes its colours from here.
"""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Tone = Literal["good", "warn", "bad", "quiet"]
"""How a verdict is coloured; its words say the same."""

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title: $verdict</title>
<style>
$style</style>
</head>
<body>
<main>
<header><h1>$title</h1><span class="badge $tone">$verdict</span></header>
$sections
</main>
</body>
</html>
""")


@cache
def palette() -> str:
    """Return the colours as CSS variables, for a light and a dark screen."""
    return _read("palette.css")


def report_page(title: str, verdict: str, tone: Tone, sections: Iterable[str]) -> str:
    """Return a report as one HTML page.

    Parameters
    ----------
    title, verdict
        Plain text: what the report is about, and what it says in a word or two.
    tone
        How the verdict is coloured.
    sections
        HTML: the parts of the page, each of which becomes a card. Empty ones are left out.
    """
    return _PAGE.substitute(
        title=escape(title),
        verdict=escape(verdict),
        tone=tone,
        style=palette() + _read("report.css"),
        sections="\n".join(f"<section>{part}</section>" for part in sections if part),
    )


def report_table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    marked: Sequence[bool] = (),
    texts: int = 1,
) -> str:
    """Return a table as HTML, whose numbers have four digits.

    Parameters
    ----------
    head
        The titles of its columns.
    rows
        Plain values; None is shown as a dash.
    marked
        Which rows are shown in red.
    texts
        The number of columns, from the left, that hold texts.
    """
    lines = ["<tr>" + "".join(_cells("th", head, texts)) + "</tr>"]
    for number, row in enumerate(rows):
        mark = ' class="bad"' if number < len(marked) and marked[number] else ""
        lines.append(f"<tr{mark}>" + "".join(_cells("td", map(_shown, row), texts)) + "</tr>")
    # What can be scrolled must be reached by keyboard.
    return '<div class="wide" tabindex="0"><table>' + "\n".join(lines) + "</table></div>"


def _cells(tag: str, values: Iterable[str], texts: int) -> Iterable[str]:
    for number, value in enumerate(values):
        kind = ' class="text"' if 0 < number < texts else ""
        # A corner without a title is no heading, as a screen reader would read it.
        name = tag if value else "td"
        yield f"<{name}{kind}>{escape(value)}</{name}>"


def _shown(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@cache
def _read(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8")
