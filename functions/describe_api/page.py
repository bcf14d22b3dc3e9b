"""The documentation of the API: Swagger UI, from the copy that is packaged with this function.

The copy is that of npm's ``swagger-ui-dist`` in the version of ``package-lock.json``; a test
compares both. The page names the digest of each of its files, so a browser runs no other, and the
content security policy lets it load nothing from elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "swagger_ui"
PAGE_PARTS = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
"""The files of the page and their types; they are below the page's own path."""
INTEGRITY = {
    "swagger-ui-bundle.js": (
        "sha384-gjRm0bEPMeTmMh5jT2cHccIwCUZSTd8YC+j0d0sXw0MdGEfScduGpSyF3ZSSLkX9"
    ),
    "swagger-ui.css": "sha384-WlYgdmXYOOBWL5apwjDEZwN+U3HmXSSu5R6V5aGxEcf7z+KuRNwBhoxKVN1i3D5I",
}
"""Their digests, https://www.w3.org/TR/sri/."""
# The addresses are relative, because the API lies below the path of its stage.
_SCRIPT = """\
window.ui = SwaggerUIBundle({
  url: "openapi.json", dom_id: "#docs", tryItOutEnabled: true, defaultModelsExpandDepth: 0,
  docExpansion: "list", validatorUrl: null, syntaxHighlight: false
});
"""


@cache
def docs_page() -> tuple[str, dict[str, str]]:
    """Return the page and its headers."""
    digest = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    policy = {
        "default-src": "'none'",
        "script-src": f"'self' 'sha256-{digest}'",
        "style-src": "'self' 'unsafe-inline'",  # Swagger UI sets styles of its elements
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    script, style = (f'integrity="{INTEGRITY[name]}"' for name in PAGE_PARTS)
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>Evergreen</title><link rel="icon" href="data:,">'
        f'<link rel="stylesheet" href="docs/swagger-ui.css" {style}></head><body>'
        '<noscript>This page needs JavaScript; <a href="openapi.json">openapi.json</a> has the '
        'same.</noscript><main id="docs"></main>'
        f'<script src="docs/swagger-ui-bundle.js" {script}></script>'
        f"<script>{_SCRIPT}</script></body></html>"
    )
    headers = {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }
    return html, headers


@cache
def docs_part(name: str) -> bytes:
    """Return one of :data:`PAGE_PARTS`."""
    return (_FOLDER / name).read_bytes()
