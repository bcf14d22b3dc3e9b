"""Fills the template of a page with what a benchmark measured, where, and how to do it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def fill_page(
    template: Path, found: Mapping[str, Any], target: str, parts: Mapping[str, str]
) -> str:
    """Return the text of a page.

    Parameters
    ----------
    template
        The page with ``@NAME@`` for each part, and ``@RUN@`` for the sentence about the run.
    found
        The benchmark's numbers: ``run``, ``versions``, ``date``, ``cores``, ``others``.
    target
        The target of ``make`` that measures them.
    parts
        The other parts by name.
    """
    again = f"QUICK=1 make {target}" if found["run"] == "quick" else f"make {target}"
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    run = f"Measured on {found['date']} by `{again}`, with {versions}. {_machine(found)}"
    text = template.read_text()
    for name, part in {"RUN": run, **parts}.items():
        text = text.replace(f"@{name}@", part)
    return text


def _machine(found: Mapping[str, Any]) -> str:
    cores, others = found["cores"], found["others"]
    busy = f"It had {cores} cores, and a load of {others:.1f} from other work when the run began"
    return f"{busy}: a shared machine." if others > 0.5 else f"It had {cores} cores to itself."
