"""Drawn data whose drift is known. Numpy alone, so that every environment draws the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]
"""Float32 with NaN where missing, or str objects."""

_SEED = 20130101
_CATEGORIES = (2, 5, 12, 40)
_MISSING = 0.05
_POISSON = 3.0


@dataclass(frozen=True, slots=True)
class Cell:
    """How much data: rows of reference and window, and features, every fifth a category."""

    reference: int
    window: int
    features: int

    @property
    def numeric(self) -> int:
        """How many features are numbers."""
        return self.features - self.features // 5


@dataclass(frozen=True, slots=True)
class Shift:
    """What is different in the window.

    Parameters
    ----------
    kind
        ``none``; ``mean`` (by ``size`` standard deviations); ``category`` (a share of ``size`` of
        the rows goes from the commonest category to the rarest); ``missing`` (``size`` more of the
        rows lack the value); ``correlation`` (of ``size`` among the moved, marginals unchanged);
        ``xor`` (the signs of two features agree with probability ``(1 + size) / 2``, both signs
        as likely as before).
    size
        See above.
    moved
        How many features; 0 means all.
    """

    kind: str
    size: float = 0.0
    moved: int = 0

    @property
    def label(self) -> str:
        """What it is called in the tables."""
        if self.kind in {"none", "correlation", "xor"}:
            return self.kind
        return f"{self.kind}, {self.moved or 'all'} features"


NOTHING = Shift("none")


def draw(cell: Cell, shift: Shift, repetition: int) -> tuple[Columns, Columns]:
    """Draw a reference and a window; the same arguments always give the same rows.

    Of the numbers, every fourth is log-normal and every fifth a count; every seventh misses one
    value in twenty. Categories have 2, 5, 12 or 40 values with Zipf's frequencies.
    """
    rng = np.random.default_rng([_SEED, cell.reference, cell.window, cell.features, repetition])
    return _side(cell.reference, cell, NOTHING, rng), _side(cell.window, cell, shift, rng)


def names(cell: Cell) -> tuple[list[str], list[str]]:
    """Return the names of the numbers and of the categories."""
    numeric = [f"number_{index}" for index in range(cell.numeric)]
    return numeric, [f"category_{index}" for index in range(cell.features - cell.numeric)]


def _side(rows: int, cell: Cell, shift: Shift, rng: np.random.Generator) -> Columns:
    numeric, categories = names(cell)
    latent = rng.standard_normal((len(numeric), rows), dtype=np.float32)
    _entangle(latent, shift, rng)
    columns: Columns = {}
    for index, name in enumerate(numeric):
        moved = shift.moved == 0 or index < shift.moved
        by = shift.size if shift.kind == "mean" and moved else 0.0
        columns[name] = _number(index, latent[index], by, rng)
        rate = _MISSING if index % 7 == 6 else 0.0
        if shift.kind == "missing" and moved:
            rate += shift.size
        if rate:
            columns[name][rng.random(rows) < rate] = np.nan
    for index, name in enumerate(categories):
        moved = shift.kind == "category" and (shift.moved == 0 or index < shift.moved)
        columns[name] = _category(index, rows, shift.size if moved else 0.0, rng)
    return columns


def _entangle(latent: NDArray[np.float32], shift: Shift, rng: np.random.Generator) -> None:
    if shift.kind == "correlation":
        count = min(shift.moved or latent.shape[0], latent.shape[0])
        common = rng.standard_normal(latent.shape[1], dtype=np.float32)
        latent[:count] = np.sqrt(1 - shift.size) * latent[:count] + np.sqrt(shift.size) * common
    elif shift.kind == "xor":
        agree = rng.random(latent.shape[1]) < shift.size
        latent[1, agree] = (np.abs(latent[1]) * np.sign(latent[0]))[agree]


def _number(
    index: int, latent: NDArray[np.float32], by: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    if index % 5 == 4:
        mean = _POISSON + by * np.sqrt(_POISSON)
        return rng.poisson(mean, latent.size).astype(np.float32)
    moved = latent + np.float32(by)
    return np.exp(moved) if index % 4 == 3 else moved


def _category(index: int, rows: int, by: float, rng: np.random.Generator) -> NDArray[Any]:
    count = _CATEGORIES[index % len(_CATEGORIES)]
    shares = 1 / np.arange(1, count + 1)
    shares /= shares.sum()
    shares[0] -= by
    shares[-1] += by
    labels = np.array([f"c{number}" for number in range(count)], dtype=object)
    chosen: NDArray[Any] = labels[rng.choice(count, rows, p=shares)]
    return chosen
