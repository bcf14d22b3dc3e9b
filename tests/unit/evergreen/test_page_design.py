"""A report is one page: what it is given is text, and it loads nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.page_design import palette, report_page, report_table


class Seen(HTMLParser):
    """Collects the tags and the texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\x00")))
def test_any_title_and_any_value_is_text(text: str) -> None:
    page = report_page(text, text, "good", [report_table(["a", text], [(text, 1.5)])])
    seen = Seen(page)
    assert set(seen.tags) <= {
        *("html", "head", "meta", "title", "style", "body", "main", "header", "h1", "span"),
        *("section", "div", "table", "tr", "th", "td"),
    }
    assert "".join(seen.texts).count(text) >= 4


def test_empty_sections_are_left_out_and_the_colours_are_the_palettes() -> None:
    page = report_page("m", "Drift", "bad", ["<p>one</p>", "", "<p>two</p>"])
    assert page.count("<section>") == 2
    assert '<span class="badge bad">Drift</span>' in page
    assert palette() in page
    assert "http" not in page


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "–"), (0.123456, "0.1235"), (12345, "12,345"), ("<b>", "&lt;b&gt;")]
)
def test_values_in_a_table(value: object, shown: str) -> None:
    table = report_table(["name", "note", "n"], [("x", "why", value)], [True], texts=2)
    assert f"<td>{shown}</td>" in table
    assert '<tr class="bad"><td>x</td><td class="text">why</td>' in table
