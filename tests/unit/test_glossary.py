"""The glossary holds each term once, in order, and names modules and pages that exist."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "glossary.md"
_ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
ROWS = _ROW.findall(PAGE.read_text(encoding="utf-8"))[1:]
TERMS = [term for term, _, _ in ROWS]


def test_each_term_is_there_once_in_alphabetical_order() -> None:
    assert len(TERMS) > 40
    assert sorted(set(TERMS)) == TERMS


def test_each_term_says_where_it_lives() -> None:
    places = [place for _, _, place in ROWS]
    assert all("`evergreen." in place for place in places)


def test_the_modules_it_names_exist() -> None:
    modules = re.findall(r"`(evergreen\.[\w.]+)`", PAGE.read_text(encoding="utf-8"))
    assert modules
    assert [name for name in modules if find_spec(name) is None] == []


def test_the_pages_it_names_exist() -> None:
    pages = re.findall(r"\]\(([\w.-]+)\)", PAGE.read_text(encoding="utf-8"))
    assert pages
    assert [name for name in pages if not (PAGE.parent / name).is_file()] == []


def test_the_terms_it_refers_to_are_in_it() -> None:
    referred = {word for _, meaning, _ in ROWS for word in re.findall(r"\*([a-z -]+)\*", meaning)}
    assert referred
    assert referred <= set(TERMS)
