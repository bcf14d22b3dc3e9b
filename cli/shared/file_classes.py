"""The labels of a file, as the classes of a model are written."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from cli.shared.text_columns import TRUTHS
from evergreen.errors import EvergreenError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from evergreen.model_definition import ModelDefinition

FEW_ROWS = 5
"""A class with fewer rows may be a slip of the pen."""
_BOOLEAN = {"True", "False"}
"""The classes of a model of booleans, as data sets and the request log write them."""
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?", re.ASCII)
_SHOWN = 10


class KnownClasses(NamedTuple):
    """Classes that a model has already."""

    names: tuple[str, ...]
    whose: str
    """Who has them: a version, or the file where they are written."""


def with_classes(
    definition: ModelDefinition, table: pa.Table, known: KnownClasses | None, file: Path
) -> tuple[pa.Table, list[str]]:
    """Return rows with their labels as classes of the model, and what to say of them.

    Where the model's classes are a word for true and one for false, each of ``true``, ``yes`` and
    ``1`` is the first of them, and each of ``false``, ``no`` and ``0`` the other. Without known
    classes ``true`` and ``false`` are booleans, as they are in Parquet.

    Parameters
    ----------
    definition
        The model; the labels of another task than classification stay as they are.
    table
        Rows as :func:`cli.shared.training_file.read_training_file` returns them.
    known
        The classes that the labels must be of; None for a model that has none yet.
    file
        Where the rows come from, for errors.

    Raises
    ------
    EvergreenError
        If the labels are other classes than the model's, or of another type; it names both.
    """
    if definition.task != "classification":
        return table, []
    column = table.column_names.index(definition.target)
    texts = [None if each is None else str(each) for each in table[column].to_pylist()]
    counts = Counter(text for text in texts if text is not None)
    key = _key_of(known.names if known else tuple(counts))
    names: Sequence[str] = known.names if known else _unknown(counts)
    classes = {key(name): name for name in names}
    read = {text: classes.get(key(text), text) for text in counts}
    if known is not None:
        _require_same(definition, read, texts, known, file)
    labels = pa.array([None if text is None else read[text] for text in texts], pa.string())
    table = table.set_column(column, definition.target, labels)
    return table, [*_rewritten(read, known), *_odd(read, counts, known)]


def _unknown(counts: Counter[str]) -> Sequence[str]:
    written = {text.strip().lower() for text in counts}
    return sorted(_BOOLEAN) if written <= {"true", "false"} else tuple(counts)


def _key_of(names: Sequence[str]) -> Callable[[str], object]:
    """Return what is equal for two texts that are one class."""
    truths = sorted(str(TRUTHS.get(name.strip().lower())) for name in names)
    if truths == sorted(_BOOLEAN) or {name.strip().lower() for name in names} <= {"true", "false"}:
        return lambda text: TRUTHS.get(text.strip().lower(), text)
    if all(_WHOLE.fullmatch(name) for name in names):
        return _whole
    return str.strip


def _whole(text: str) -> object:
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text.strip()) else text


def _require_same(
    definition: ModelDefinition,
    read: dict[str, str],
    texts: Sequence[str | None],
    known: KnownClasses,
    file: Path,
) -> None:
    """Raise an EvergreenError if labels are of another type, or none is a known class."""
    names = set(known.names)
    counts = Counter(text for text in texts if text is not None)
    strange = [text for text in counts if read[text] not in names]
    if names <= _BOOLEAN:
        faulty, how = strange, "true or false; yes and no are read as these"
    elif all(map(_WHOLE.fullmatch, names)):
        faulty = [text for text in strange if not _WHOLE.fullmatch(text.strip())]
        how = "whole numbers"
    else:
        faulty = strange if len(strange) == len(counts) else []
        how = f"{_listed(known.names)}, or name all classes in [ground_truth] of model.toml"
    if faulty:
        raise EvergreenError(
            f"{definition.target} has {_counted(faulty, counts)}, first in row "
            f"{texts.index(faulty[0]) + 1}, and {known.whose} has the classes "
            f"{_listed(known.names)}",
            where=str(file),
            fix=f"Write the labels as {how}.",
        )


def _rewritten(read: dict[str, str], known: KnownClasses | None) -> list[str]:
    changed = {text: name for text, name in sorted(read.items()) if text != name}
    if known is None or not changed or {*changed.values()} <= {each.title() for each in changed}:
        return []
    told = ", ".join(f"{text} is read as {name}" for text, name in changed.items())
    return [f"{told}, as the classes of {known.whose} are written"]


def _odd(read: dict[str, str], counts: Counter[str], known: KnownClasses | None) -> list[str]:
    """Return a warning of new classes, and one of classes with few rows."""
    rows: Counter[str] = Counter()
    for text, count in counts.items():
        rows[read[text]] += count
    new = [name for name in sorted(rows) if known is not None and name not in known.names]
    few = [name for name in sorted(rows) if rows[name] < FEW_ROWS and name not in new]
    found = []
    if new and known is not None:
        found.append(f"! classes that {known.whose} does not have: {_counted(new, rows)}")
    if few:
        found.append(f"! classes with few rows: {_counted(few, rows)}")
    return found


def _counted(names: Sequence[str], rows: Counter[str]) -> str:
    told = [f"{name} ({rows[name]:,} row{'s' if rows[name] != 1 else ''})" for name in names]
    return _listed(told)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
