"""Writes `docs/reference/events.md` from the events' models."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.reference.fields import documented, markdown, table
from evergreen.events import EVENT_MODELS, EVENT_SCHEMA_VERSION, SOURCE, EventPart

if TYPE_CHECKING:
    from collections.abc import Iterable

EVENTS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "events.md"

_INTRODUCTION = f"""\
# Events

This page is generated: `make reference` writes it, and a test compares it with the code.

Evergreen puts these events on its EventBridge bus, with the source `{SOURCE}`. Each section is a
detail type, and its table lists the fields of `detail`.

The schema version is {EVENT_SCHEMA_VERSION}. It grows when a field is removed or changes its
meaning. New fields can come at any time: ignore the fields that you do not know.
"""


def render_events_page() -> str:
    """Return the page."""
    return "\n".join([_INTRODUCTION, *_events(), "## Tables within events\n", *_tables(_parts())])


def _events() -> Iterable[str]:
    for kind, event in EVENT_MODELS.items():
        yield f"## {kind}\n"
        yield from _described(event)


def _tables(parts: Iterable[type[EventPart]]) -> Iterable[str]:
    for part in parts:
        yield f"### {part.__name__}\n"
        yield from _described(part)


def _described(model: type[EventPart]) -> Iterable[str]:
    paragraphs = inspect.cleandoc(model.__doc__ or "").split("\n\n")
    yield "\n\n".join(map(markdown, paragraphs)) + "\n"
    rows = [
        (f"`{field.name}`", field.allowed, field.default, field.description)
        for field in documented(model, absent="null")
    ]
    yield table(("Field", "Type", "If left out", "Meaning"), rows)
    yield ""


def _parts() -> list[type[EventPart]]:
    """Return the models that events hold and that are none themselves."""
    return [part for part in EventPart.__subclasses__() if part.__name__ != "Event"]
