"""The check of the built site finds what it is for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.site_check.__main__ import findings

if TYPE_CHECKING:
    from pathlib import Path


def test_each_fault_of_a_site_is_found(tmp_path: Path) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "picture.svg").write_text("<svg/>")
    (tmp_path / "guide" / "index.html").write_text('<h1 id="top">Guide</h1>')
    (tmp_path / "index.html").write_text(
        '<a href="guide/#top">fine</a><a href="https://example.com">fine</a>'
        '<img src="picture.svg"><img src="data:image/png;base64,AA==">'
        '<script src="https://cdn.example.com/a.js"></script>'
        '<a href="guide/#bottom">a</a><a href="gone.html">b</a><p>| --- | --- |</p>'
    )
    assert findings(tmp_path) == [
        "index.html: shows the source of a table",
        "index.html: leads nowhere: gone.html",
        "index.html: has no such place: guide/#bottom",
        "index.html: is fetched from another host: https://cdn.example.com/a.js",
    ]


def test_an_empty_site_is_a_fault(tmp_path: Path) -> None:
    assert findings(tmp_path) == ["there is no page"]
