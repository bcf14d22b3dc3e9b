"""Writes `docs/reference/model-toml.md` from the model definition's fields."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.reference.fields import documented, markdown, table
from evergreen.model_definition import (
    Drift,
    Evaluation,
    Feature,
    Forecast,
    GroundTruth,
    ModelDefinition,
    RequestLog,
    Retraining,
    Rollback,
    Schedule,
    Shadow,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from evergreen.model_definition import Strict

_ROOT = Path(__file__).resolve().parents[2]
MODEL_TOML_PAGE = _ROOT / "docs" / "reference" / "model-toml.md"
_EXAMPLE = _ROOT / "models" / "flight_delay" / "model.toml"

SECTIONS: dict[str, tuple[type[Strict], str]] = {
    "": (ModelDefinition, ""),
    "features": (Feature, "NAME."),
    "forecast": (Forecast, ""),
    "evaluation": (Evaluation, ""),
    "ground_truth": (GroundTruth, ""),
    "shadow": (Shadow, ""),
    "request_log": (RequestLog, ""),
    "drift": (Drift, ""),
    "drift.schedules": (Schedule, "schedules[]."),
    "retraining": (Retraining, ""),
    "rollback": (Rollback, ""),
}
"""The tables of the file: what each holds, and what stands before the name of its keys."""

_INTRODUCTION = """\
# model.toml

This page is generated: `make reference` writes it, and a test compares it with the code.

`models/<name>/model.toml` defines a model. Every key is listed here. A key that is not known, or a
value that is not allowed, is refused with the file, the key and what is allowed there.

A period is a whole number and a unit: second, minute, hour or day, singular or plural
(`"90 seconds"`, `"1 day"`).
"""


def render_model_toml_page() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *_sections(), "## Example\n", *_example(), ""])


def _sections() -> Iterable[str]:
    nested = {section for section in SECTIONS if section}
    for section, (model, before) in SECTIONS.items():
        name = section.partition(".")[0]
        within = f"[{name}] " if name else ""
        key = section.removeprefix(name).removeprefix(".")
        yield f"## {within}{key}".rstrip() + "\n" if section else "## At the top\n"
        yield f"{_says(model)}\n"
        rows = [
            (f"`{within}{before}{key.name}`", key.allowed, key.default, key.description)
            for key in documented(model)
            if section or key.name not in nested
        ]
        yield table(("Key", "Allowed", "Default", "Meaning"), rows)
        yield ""


def _says(model: type[Strict]) -> str:
    paragraphs = inspect.cleandoc(model.__doc__ or "").split("\n\n")
    return "\n\n".join(map(markdown, paragraphs))


def _example() -> Iterable[str]:
    yield f"`{_EXAMPLE.relative_to(_ROOT)}`:\n"
    yield f"```toml\n{_EXAMPLE.read_text(encoding='utf-8').rstrip()}\n```"
