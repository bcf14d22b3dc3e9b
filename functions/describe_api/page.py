"""The documentation of the API as one HTML page that loads nothing else."""

from __future__ import annotations

import json
from html import escape
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto; padding: 0 1rem;
       color: #1c2b24; background: #fff; }
h2 { margin-top: 2.5rem; border-bottom: 2px solid #2f7d57; }
summary { cursor: pointer; padding: .3rem 0; }
code, pre { font: 14px/1.4 ui-monospace, monospace; }
pre { background: #f2f6f4; padding: .75rem; overflow-x: auto; }
.method { display: inline-block; min-width: 3.2rem; font-weight: 600; color: #2f7d57; }
"""


def render_api_page(document: dict[str, Any]) -> str:
    """Return the page for an OpenAPI document."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            entry = _operation(path, method, operation)
            sections.setdefault(operation["tags"][0], []).append(entry)
    body = "".join(
        f'<h2 id="{escape(tag)}">{escape(tag)}</h2>{"".join(entries)}'
        for tag, entries in sections.items()
    )
    info = document["info"]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        f'<p><a href="openapi.json">openapi.json</a></p>{body}</body></html>'
    )


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    examples = "".join(
        f"<h4>{escape(name)}</h4><pre>{_json(example['value'])}</pre>"
        for name, example in content.get("examples", {}).items()
    )
    answers = "".join(
        f"<li><code>{escape(status)}</code> {escape(answer['description'])}</li>"
        for status, answer in operation["responses"].items()
    )
    return (
        f'<details><summary><span class="method">{escape(method.upper())}</span>'
        f"<code>{escape(path)}</code> {escape(operation['summary'])}</summary>"
        f"{examples}<ul>{answers}</ul></details>"
    )


def _json(value: Any) -> str:  # noqa: ANN401 - any JSON value
    return escape(json.dumps(value, indent=2, ensure_ascii=False))
