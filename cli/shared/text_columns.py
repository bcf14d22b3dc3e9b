"""Columns of a CSV file, which are all text at first, as the types that a model wants."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from cli.shared.column_sql import MISSING_WORDS
from evergreen.capture.truth_words import FALSE_WORDS, TRUE_WORDS
from evergreen.errors import EvergreenError
from evergreen.lake.tables import TIMESTAMP_TYPE
from evergreen.model_definition.moments import read_moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TIMES = "Each row needs a time with its zone, such as 2026-03-01T12:00:00Z."
TRUTHS: dict[str, bool] = {
    **dict.fromkeys((*TRUE_WORDS, "1", "1.0"), True),
    **dict.fromkeys((*FALSE_WORDS, "0", "0.0"), False),
}
"""Pandas writes booleans beside missing values as numbers."""


def as_numbers(texts: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    """Return the numbers that texts are, as float64.

    Parameters
    ----------
    texts
        The values of a column.
    name
        The column's name, for errors.
    file
        The file, for errors.

    Raises
    ------
    EvergreenError
        If a text is no number; it names the column and the row.
    """
    bare = _without_missing(texts)
    try:
        return bare.cast(pa.float64())
    except pa.ArrowInvalid:
        return _one_by_one(bare, float, pa.float64(), (name, "no number"), file)


def as_truths(texts: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    """Return the booleans that texts are: ``true`` and ``false``, 1 and 0, ``yes`` and ``no``.

    Parameters and errors are those of :func:`as_numbers`.
    """
    bare = pc.utf8_lower(_without_missing(texts))
    return _one_by_one(bare, TRUTHS.__getitem__, pa.bool_(), (name, "neither true nor false"), file)


def as_moments(texts: pa.ChunkedArray, name: str, file: Path) -> pa.ChunkedArray:
    """Return the moments in ISO 8601 that texts are, in UTC; each must name its zone.

    Parameters and errors are those of :func:`as_numbers`.
    """
    bare = pc.utf8_trim_whitespace(texts)
    try:
        return bare.cast(TIMESTAMP_TYPE)
    except pa.ArrowInvalid:
        return _one_by_one(bare, _zoned, TIMESTAMP_TYPE, (name, "no timestamp with a zone"), file)


def _zoned(text: str) -> datetime:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError
    moment = read_moment(text)
    if moment is None:  # beyond the years that there are
        raise ValueError
    return moment


def _without_missing(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts without the spaces around them, null for what stands for none."""
    bare = pc.utf8_trim_whitespace(texts)
    none = pc.is_in(pc.utf8_lower(bare), value_set=pa.array(MISSING_WORDS))
    return pc.if_else(none, pa.scalar(None, pa.string()), bare)


def _one_by_one(
    texts: pa.ChunkedArray,
    read: Callable[[str], object],
    kind: pa.DataType,
    about: tuple[str, str],
    file: Path,
) -> pa.ChunkedArray:
    """Read each distinct text once; raise an EvergreenError at the first one that is not read."""
    found: dict[str | None, object] = {None: None}
    for text in pc.unique(texts).to_pylist():
        if text is None:
            continue
        try:
            found[text] = read(text)
        except (ValueError, KeyError) as error:
            name, wanted = about
            row = pc.index(texts, pa.scalar(text, texts.type)).as_py() + 1
            raise EvergreenError(
                f"{name}: row {row} has {text!r}, which is {wanted}",
                where=str(file),
                fix=TIMES if pa.types.is_timestamp(kind) else None,
            ) from error
    return pa.chunked_array([pa.array([found[text] for text in texts.to_pylist()], kind)])
