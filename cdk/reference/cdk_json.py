"""Writes `docs/reference/cdk-json.md` from the fields of the deployment's settings."""

from __future__ import annotations

import json
from pathlib import Path

from cdk.reference.fields import documented, table
from cdk.settings import Settings

_ROOT = Path(__file__).resolve().parents[2]
CDK_JSON_PAGE = _ROOT / "docs" / "reference" / "cdk-json.md"

_INTRODUCTION = """\
# cdk.json

This page is generated: `make reference` writes it, and a test compares it with the code.

`cdk.json` holds, under `context`, what a deployment may set. `-c key=value` on the command line of
`cdk` sets the same keys for one run. Keys with a colon or a slash are CDK's own. A key that is not
known, or a value that is not allowed, is refused with its name and what is allowed there.

A period is a whole number and a unit: second, minute, hour or day, singular or plural
(`"90 seconds"`, `"1 day"`).
"""


def render_cdk_json_page() -> str:
    """Return the page."""
    rows = [
        (f"`{key.name}`", key.allowed, key.default, key.description)
        for key in documented(Settings, absent='`""`')
    ]
    keys = table(("Key", "Allowed", "Default", "Meaning"), rows)
    example = f"```json\n{json.dumps({'context': _example()}, indent=2)}\n```"
    return "\n".join([_INTRODUCTION, "## Keys\n", keys, "", "## Example\n", example, ""])


def _example() -> dict[str, object]:
    """Return our part of the repository's own file."""
    context = json.loads((_ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]
    return {key: value for key, value in context.items() if key in Settings.model_fields}
