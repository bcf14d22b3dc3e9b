"""The status page: one HTML document with its style and script inside, and its headers.

The parts are separate files, so that each can be edited in its own language. The content
security policy names style and script by their hashes. So no other code runs in the page, whatever
the data contain.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from evergreen.page_design import palette

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Page:
    """An HTML document with its headers."""

    html: str
    headers: Mapping[str, str]


@cache
def status_page() -> Page:
    """Return the page, which is the same for every caller."""
    style, script = palette() + _read("page.css"), _read("charts.js") + _read("page.js")
    html = _read("page.html").replace("/* style */", style).replace("/* script */", script)
    policy = {
        "default-src": "'none'",
        "style-src": _hash(style),
        "script-src": _hash(script),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return Page(
        html,
        MappingProxyType(
            {
                "content-security-policy": "; ".join(f"{k} {v}" for k, v in policy.items()),
                "referrer-policy": "no-referrer",
                "cache-control": "no-cache",
            }
        ),
    )


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{digest}'"
