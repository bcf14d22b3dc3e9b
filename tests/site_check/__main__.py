"""Check the site that `make docs` has built: it fetches nothing, and its links lead somewhere."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

SITE = Path(__file__).resolve().parents[2] / ".evergreen" / "site"
_FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}


class Page(HTMLParser):
    """What one page fetches, what it links to, and the anchors that it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fetched: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()
        self.unread = "| --- |" in text
        """Whether it shows the source of a table, because the table was not read as one."""
        self.feed(text)

    def has(self, anchor: str) -> bool:
        """Say whether a link may name this place; the page as a whole has no name."""
        return not anchor or anchor in self.anchors

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take down what a tag fetches, links to and is called."""
        given = {name: value for name, value in attrs if value}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag in _FETCHED and _FETCHED[tag] in given and given.get("rel") != "canonical":
            self.fetched.add(given[_FETCHED[tag]])
        if tag == "a" and "href" in given:
            self.links.add(given["href"])


def findings(site: Path) -> list[str]:
    """Return what is wrong with a built site, one line each."""
    pages = {file: Page(file.read_text(encoding="utf-8")) for file in sorted(site.rglob("*.html"))}
    found = []
    for file, page in pages.items():
        where = file.relative_to(site)
        if where.name == "404.html":
            continue  # its links are from the root of a host
        if page.unread:
            found.append(f"{where}: shows the source of a table")
        for address in sorted(page.fetched | page.links):
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.fetched and parts.scheme != "data":
                    found.append(f"{where}: is fetched from another host: {address}")
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                found.append(f"{where}: leads nowhere: {address}")
            elif target in pages and not pages[target].has(unquote(parts.fragment)):
                found.append(f"{where}: has no such place: {address}")
    return found if pages else ["there is no page"]


def main() -> None:
    """Print what is wrong, and exit with 1 if anything is."""
    found = findings(SITE)
    for each in found:
        sys.stderr.write(f"{each}\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
