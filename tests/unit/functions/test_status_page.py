"""The page itself: whole, alone, and under a policy that lets nothing else run."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from functions.describe_api.status_page import status_page

PAGE = status_page()
POLICY = dict(
    directive.split(" ", 1) for directive in PAGE.headers["content-security-policy"].split("; ")
)


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.inside = ""
        self.code: dict[str, str] = {}
        self.loads: list[str] = []
        self.attributes: list[str] = []
        self.landmarks: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        self.landmarks.add(tag)
        self.attributes += [name for name, _ in attrs]
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in {"style", "script"}:
            self.code[self.inside] = self.code.get(self.inside, "") + data


@pytest.fixture(scope="module")
def reader() -> Reader:
    reader = Reader()
    reader.feed(PAGE.html)
    return reader


def test_it_is_one_small_file_that_loads_nothing(reader: Reader) -> None:
    assert len(PAGE.html.encode()) < 80_000
    assert all(link.startswith(("#", "data:")) for link in reader.loads)
    assert not re.search(r"url\(|@import|\bimport\b", "".join(reader.code.values()))


@pytest.mark.parametrize("kind", ["style", "script"])
def test_the_policy_names_exactly_what_is_inside(reader: Reader, kind: str) -> None:
    digest = base64.b64encode(hashlib.sha256(reader.code[kind].encode()).digest()).decode()
    assert POLICY[f"{kind}-src"] == f"'sha256-{digest}'"


def test_the_policy_lets_nothing_else_in_or_out(reader: Reader) -> None:
    assert POLICY["default-src"] == "'none'"
    assert POLICY["connect-src"] == "'self'"
    for directive in ("base-uri", "form-action", "frame-ancestors"):
        assert POLICY[directive] == "'none'"
    assert "unsafe" not in PAGE.headers["content-security-policy"]
    assert not [name for name in reader.attributes if name == "style" or name.startswith("on")]


def test_data_become_text_and_the_key_never_a_field_of_a_form(reader: Reader) -> None:
    script = reader.code["script"]
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", script)
    key = re.search(r'<input id="key"[^>]*>', PAGE.html)
    assert key is not None
    assert " name=" not in key[0]


def test_it_has_landmarks_and_a_language(reader: Reader) -> None:
    assert {"header", "nav", "main", "h1", "article"} <= reader.landmarks
    assert '<html lang="en">' in PAGE.html
