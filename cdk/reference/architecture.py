"""The picture of the architecture: who writes what, and who reads it.

``python -m cdk.reference.architecture`` synthesises the app and writes the picture.
"""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from cdk.reference.flows import STORES, read_flows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdk.reference.flows import StoreAccess

ARCHITECTURE_PICTURE = Path(__file__).parents[2] / "docs" / "architecture.svg"
_TITLE = "Which function writes what, and which reads it"
_COLOURS = {"Serving": "#2f7d57", "Drift": "#c77d1a", "Retraining": "#3c6fb4"}
_OTHER = "#7a5ba6"
_WIDTH, _ROW, _TOP, _BOX = 940, 40, 84, 28
_LEFT, _MIDDLE, _RIGHT = (20, 170), (375, 190), (750, 170)
"""Left edge and width of the columns."""
_STYLE = """\
text{font:13px system-ui,-apple-system,'Segoe UI','Liberation Sans',sans-serif;fill:#17241d}
.head{font-weight:600;font-size:14px}.quiet{fill:#53645b;font-size:12px}
.store{fill:#e7ece9;stroke:#b9c4bd}.line{fill:none;stroke-width:1.6;opacity:.65}"""


def draw_architecture(flows: Iterable[StoreAccess]) -> str:
    """Return the picture as SVG: writers on the left, stores in the middle, readers on the right.

    The stores are in the order of the loop. A function stands near what it touches, so that lines
    cross little.
    """
    flows = [flow for flow in flows if not flow.stack.startswith("Monitoring")]
    known = {flow.store for flow in flows}
    stores = [name for name in STORES if name in known] + sorted(known - set(STORES))
    sides = [_ordered([f for f in flows if f.writes is writes], stores) for writes in (True, False)]
    rows = max(len(stores), *(len(side) for side in sides))
    height = _TOP + rows * _ROW + 16

    def places(names: Sequence[str]) -> dict[str, float]:
        free = (rows - len(names)) * _ROW / 2
        return {name: _TOP + free + at * _ROW for at, name in enumerate(names)}

    middle = places(stores)
    label = f'role="img" aria-label="{_TITLE}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {label}>',
        f'<style>{_STYLE}</style><rect width="{_WIDTH}" height="{height}" rx="10" fill="#fff"/>',
        *_legend(sorted({flow.stack for flow in flows}, key=_stack_order)),
    ]
    for (left, width), title in zip((_LEFT, _MIDDLE, _RIGHT), ("writes", "", "reads"), strict=True):
        parts.append(
            f'<text class="quiet" x="{left + width / 2}" y="{_TOP - 12}" '
            f'text-anchor="middle">{title}</text>'
        )
    boxes = []
    for side, (left, width), writes in zip(sides, (_LEFT, _RIGHT), (True, False), strict=True):
        there = places(list(side))
        for name, touched in side.items():
            colour = _COLOURS.get(touched[0].stack, _OTHER)
            for flow in touched:
                start, end = there[name] + _BOX / 2, middle[flow.store] + _BOX / 2
                parts.append(_line(start, end, colour, writes=writes))
            boxes.append(_box(left, there[name], width, name, f'fill="{colour}"', "#fff"))
    boxes += [
        _box(*_MIDDLE[:1], middle[name], _MIDDLE[1], name, 'class="store"') for name in stores
    ]
    return "\n".join([*parts, *boxes, "</svg>"]) + "\n"


def _stack_order(stack: str) -> tuple[int, str]:
    known = [*_COLOURS]
    return (known.index(stack) if stack in known else len(known), stack)


def _ordered(flows: Sequence[StoreAccess], stores: Sequence[str]) -> dict[str, list[StoreAccess]]:
    """Return the accesses by function, each function at the mean place of what it touches."""
    found: dict[str, list[StoreAccess]] = {}
    for flow in sorted(flows):
        found.setdefault(flow.function, []).append(flow)

    def mean(name: str) -> tuple[float, str]:
        return sum(stores.index(flow.store) for flow in found[name]) / len(found[name]), name

    return {name: found[name] for name in sorted(found, key=mean)}


def _line(at: float, store: float, colour: str, *, writes: bool) -> str:
    left, right = (_LEFT, _MIDDLE) if writes else (_MIDDLE, _RIGHT)
    start, end = left[0] + left[1], right[0]
    first, last = (at, store) if writes else (store, at)
    half = (start + end) / 2
    return (
        f'<path class="line" stroke="{colour}" d="M{start} {first:g}C{half:g} {first:g} {half:g} '
        f'{last:g} {end} {last:g}"/>'
    )


def _box(left: float, top: float, width: float, name: str, look: str, text: str = "#17241d") -> str:
    return (
        f'<rect {look} x="{left}" y="{top:g}" width="{width}" height="{_BOX}" rx="7"/>'
        f'<text x="{left + width / 2:g}" y="{top + 18.5:g}" text-anchor="middle" '
        f'style="fill:{text}">{escape(name)}</text>'
    )


def _legend(stacks: Sequence[str]) -> list[str]:
    parts = [
        '<text class="head" x="20" y="32">Which function writes what, and which reads it</text>'
    ]
    left = _WIDTH - 20 - 110 * len(stacks)
    for number, stack in enumerate(stacks):
        colour, at = _COLOURS.get(stack, _OTHER), left + 110 * number
        parts.append(
            f'<rect x="{at}" y="20" width="14" height="14" rx="4" fill="{colour}"/>'
            f'<text x="{at + 20}" y="32">{escape(stack)}</text>'
        )
    return parts


def write_picture() -> None:
    """Synthesise the app as ``cdk.json`` has it, and write the picture."""
    import app  # noqa: PLC0415 - takes seconds, and only this needs it

    with tempfile.TemporaryDirectory() as folder:
        app.synthesise({}, ARCHITECTURE_PICTURE.parents[1] / "models", folder)
        picture = draw_architecture(read_flows(Path(folder)))
    ARCHITECTURE_PICTURE.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    write_picture()
