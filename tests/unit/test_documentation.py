"""What the documentation names is there: make targets, files and folders, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.reference.__main__ import SITE_PAGES

ROOT = Path(__file__).resolve().parents[2]
PATTERNS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".github/*.md", "docs/**/*.md")
BESIDE_CODE = ("dashboards/README.md", "local/*/README.md")
OF_THE_SITE = {ROOT / "docs" / "reference" / name for name in SITE_PAGES}
"""What `make docs` writes for the site: help and docstrings, which have tests of their own."""
PAGES = sorted(
    page
    for pattern in (*PATTERNS, *BESIDE_CODE)
    for page in ROOT.glob(pattern)
    if page not in OF_THE_SITE
)
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] != "."}
SOURCES = {".py", ".md", ".toml", ".yaml", ".yml", ".ipynb", ".in", ".lock"}
BUILT = {"node_modules", "cdk.out"}

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`([^`\n]+)`")
_MAKE = re.compile(r"(?:^|[\s;&])make ([a-z][a-z-]*)")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
_PLACEHOLDER = re.compile(r"[<>{}…=$:]")


def code(text: str) -> list[str]:
    """The code of a page: its fenced blocks and its inline pieces."""
    return [*_FENCED.findall(text), *_INLINE.findall(_FENCED.sub("", text))]


def make_targets(text: str) -> set[str]:
    return {target for piece in code(text) for target in _MAKE.findall(piece)}


def repository_paths(text: str) -> set[str]:
    """Words of the code that start with a folder of the repository or name a source file."""
    words = {word.strip(",.()'\"") for piece in code(text) for word in piece.split()}
    return {
        word
        for word in words
        if "/" in word
        and not word.startswith(("/", "."))
        and not _PLACEHOLDER.search(word)
        and word.split("/")[0] not in BUILT
        and (word.split("/")[0] in FOLDERS or Path(word).suffix in SOURCES)
    }


def _prose(text: str) -> str:
    """Take the code out: a pattern such as ``[a-z]([a-z]*)`` looks like a link."""
    return _INLINE.sub("", _FENCED.sub("", text))


def links(text: str) -> set[str]:
    return {link for link in _LINK.findall(_prose(text)) if ":" not in link}


def defined_targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = {f"make {target}" for target in make_targets(text) - defined_targets()}
    missing |= {path for path in repository_paths(text) if not any(ROOT.glob(path))}
    missing |= {link for link in links(text) if not (page.parent / link).exists()}
    assert missing == set()


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (phony,) = re.findall(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert explained == set(phony.split()) == defined_targets()


def test_names_are_found_where_they_are_written() -> None:
    page = (
        "Run `make nothing` and read [it](docs/gone.md#part).\n\n```\nmake never\n```\n"
        "`tests/none/` `lost/place.py` `decisions/model=<m>/a.json` `PATH=x make also`"
    )
    assert make_targets(page) == {"nothing", "never", "also"}
    assert repository_paths(page) == {"tests/none/", "lost/place.py"}
    assert links(page) == {"docs/gone.md"}
