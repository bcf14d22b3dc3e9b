"""Probes: rows that a definition allows, though training may never have seen their like.

A conversion can say the same as scikit-learn on every training row and something else on the first
missing value in production. So an export is also compared on these rows. Each is a training row
with one value changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import onnx

from evergreen.columns import MAX_WHOLE, MISSING_CATEGORY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from evergreen.columns import Columns
    from evergreen.model_definition import Feature, ModelDefinition

UNSEEN = "a category that training never saw"
"""The value that stands for every unseen category."""
_AWKWARD = "ÜBER-größe naïve İstanbul 晴れ_2 it's e-mail\t1,000.5\n K ﬁn 🙂 x"
"""Letters, marks and spaces on which two ways of finding words differ."""
EVERY_NULLABLE = "every nullable feature"
"""What the rows without any nullable value are called in place of a feature."""

ProbeKind = Literal["missing", "unseen", "ends", "thresholds"]

_ROWS = 2000
_SLIVER = 1e-30
_MOST, _FEWEST = 100, 4


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """Rows of one kind.

    Parameters
    ----------
    kind
        What is changed in them.
    changed
        For each of n rows the name of the changed feature, or :data:`EVERY_NULLABLE`.
    columns
        The n rows.
    """

    kind: ProbeKind
    changed: NDArray[np.object_]
    columns: Columns

    def parts(self) -> Iterator[tuple[str, Columns]]:
        """Return each feature with the rows in which it is changed."""
        for name in dict.fromkeys(self.changed.tolist()):
            mask = self.changed == name
            yield name, {key: values[mask] for key, values in self.columns.items()}


def probes(definition: ModelDefinition, columns: Columns, model: bytes | None) -> list[Probe]:
    """Return the probes of a model; kinds without a row are left out.

    Missing values in each nullable feature and in all of them; a category that training never saw;
    the ends of each range, and the largest whole numbers that are exact; and the values at which a
    tree turns.

    Parameters
    ----------
    definition
        Says what is nullable, which types there are, and which ranges are plausible.
    columns
        The rows trained on; there is at least one.
    model
        The converted model, whose trees give their thresholds; None if there is none.
    """
    rows = len(next(iter(columns.values())))
    each = int(np.clip(_ROWS // len(definition.features), _FEWEST, _MOST))
    base = np.unique(np.linspace(0, rows - 1, each, dtype=np.int64))
    chosen = {name: values[base] for name, values in columns.items()}
    turns = np.array([], np.float32) if model is None else _thresholds(model)
    found = [
        _missing(definition, chosen),
        _varied(
            "unseen",
            definition,
            chosen,
            lambda name, feature: _unseen(feature, columns[name]),
        ),
        _varied("ends", definition, chosen, lambda name, feature: _ends(feature, columns[name])),
        _varied(
            "thresholds",
            definition,
            chosen,
            lambda name, feature: _within(turns, feature, columns[name], each),
        ),
    ]
    return [probe for probe in found if probe is not None]


def _missing(definition: ModelDefinition, chosen: Columns) -> Probe | None:
    nullable = {name: item for name, item in definition.features.items() if item.nullable}
    probe = _varied("missing", definition, chosen, lambda name, _: _nothing(name, nullable))
    if probe is None:
        return None
    everything = {
        name: np.full_like(values, _nothing(name, nullable)[0]) if name in nullable else values
        for name, values in chosen.items()
    }
    rows = len(next(iter(chosen.values())))
    return Probe(
        "missing",
        np.concatenate([probe.changed, np.full(rows, EVERY_NULLABLE, dtype=object)]),
        {name: np.concatenate([probe.columns[name], everything[name]]) for name in chosen},
    )


def _nothing(name: str, nullable: dict[str, Feature]) -> list[float | str]:
    if name not in nullable:
        return []
    return [np.nan if nullable[name].is_numeric else MISSING_CATEGORY]


def _varied(
    kind: ProbeKind,
    definition: ModelDefinition,
    chosen: Columns,
    values_of: Callable[[str, Feature], list[float | str]],
) -> Probe | None:
    """Return the chosen rows once for each feature, its values set to the given ones in turn."""
    rows = len(next(iter(chosen.values())))
    changed: list[NDArray[np.object_]] = []
    parts: dict[str, list[NDArray[np.generic]]] = {name: [] for name in chosen}
    for name, feature in definition.features.items():
        values = values_of(name, feature)
        if not values:
            continue
        changed.append(np.full(rows, name, dtype=object))
        for other, kept in chosen.items():
            now = np.resize(np.array(values, dtype=kept.dtype), rows) if other == name else kept
            parts[other].append(now)
    if not changed:
        return None
    columns = {name: np.concatenate(part) for name, part in parts.items()}
    return Probe(kind, np.concatenate(changed), columns)


def _unseen(feature: Feature, values: NDArray[np.object_]) -> list[float | str]:
    """Return categories, or texts, that a request may have and that training never saw."""
    if feature.type == "text":
        known = str(next((text for text in values if text != MISSING_CATEGORY), "word"))
        return [UNSEEN, known.upper(), f"{known} {_AWKWARD}", _AWKWARD, f"{known}.{known}"]
    if feature.type != "category":
        return []
    return [UNSEEN] if feature.only is None else sorted(feature.only - {*values.tolist()})


def _ends(feature: Feature, values: NDArray[np.float32]) -> list[float | str]:
    if feature.type not in {"float", "integer"}:
        return []
    present = values[np.isfinite(values)]
    ends = [feature.min, feature.max]
    if present.size:
        ends += [float(present.min()), float(present.max())]
    if feature.type == "integer":
        ends += [-MAX_WHOLE if feature.min is None else None]
        ends += [MAX_WHOLE if feature.max is None else None]
    return [end for end in ends if end is not None]


def _thresholds(model: bytes) -> NDArray[np.float32]:
    """Return the distinct thresholds of all trees in a model."""
    values: set[float] = set()
    for node in onnx.load_model_from_string(model).graph.node:
        for attribute in node.attribute if node.op_type.startswith("TreeEnsemble") else ():
            if attribute.name == "nodes_values":
                values.update(attribute.floats)
            elif attribute.name in {"nodes_values_as_tensor", "nodes_splits"}:
                values.update(onnx.numpy_helper.to_array(attribute.t).tolist())
    # LightGBM parts zero from both sides by thresholds of 1e-35. Nothing is measured to that.
    return np.array(sorted(value for value in values if not 0 < abs(value) < _SLIVER), np.float32)


def _within(
    turns: NDArray[np.float32], feature: Feature, values: NDArray[np.float32], most: int
) -> list[float | str]:
    present = values[np.isfinite(values)] if feature.type in {"float", "integer"} else values[:0]
    if not present.size:
        return []
    inside = turns[(turns >= present.min()) & (turns <= present.max())]
    if feature.type == "integer":
        inside = inside[np.trunc(inside) == inside]
    if not inside.size:
        return []
    picked = inside[np.unique(np.linspace(0, inside.size - 1, most, dtype=np.int64))]
    return [float(value) for value in picked]
