"""Chromium for tests of pages, and what a person does first on the status page."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

    from cli.shared.target import Target

PATIENCE = 60_000
"""Milliseconds; the first request may start a function."""
SIZES = {"wide": (1280, 800), "narrow": (360, 844)}
"""Width and height of a window, in pixels."""
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@contextmanager
def launched() -> Iterator[Browser]:
    """Run Chromium."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: `make apt` installs it"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield browser
        browser.close()


def give_key(page: Page, key: str) -> None:
    """Type the API key and press Enter."""
    page.get_by_label("API key", exact=True).fill(key)
    page.keyboard.press("Enter")


def open_status_page(deployed: Target, context: BrowserContext, model: str) -> Page:
    """Open the status page with the key, and wait until it shows a model."""
    page = context.new_page()
    page.goto(f"{deployed.api_url}/")
    give_key(page, deployed.api_key)
    expect(page.get_by_role("article", name=model)).to_be_visible()
    return page
