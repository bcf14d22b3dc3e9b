"""Has a model got worse? A permutation test of its metric on two sets of rows.

It divides the rows of both sets at random into two new sets, many times (P. Good, *Permutation,
Parametric, and Bootstrap Tests of Hypotheses*, 2005). So it includes the uncertainty of both sides
and is exact at any number of rows. For a time series it moves whole blocks of consecutive rows,
because the errors of neighbours are alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from evergreen.datasets.steps import rows_per_step
from evergreen.evaluation.class_probabilities import (
    logged_shares,
    named_classes,
    shares_of_classes,
)
from evergreen.evaluation.measure import measure_of
from evergreen.evaluation.metrics import block_length

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from numpy.typing import NDArray

    from evergreen.evaluation.measure import Measure
    from evergreen.model_definition import ModelDefinition

    type _Side = tuple[NDArray[Any], NDArray[Any]]

SHUFFLES = 4_999
"""Number of random permutations of the rows."""
_MAX_BLOCKS = 10_000
"""Largest number of blocks per side that the test of numbers permutes. A block is one row, or
several consecutive rows of a time series."""
_SLOW_SHUFFLES = 999
"""That of a function of the user's, which is called twice for each, and of areas of many classes.
"""
_CELLS = 2_000_000  # block sums permuted at a time: 16 MB
_LABEL, _OUTPUT, _CONFIDENCE = "label", "model_output", "confidence"
_SEED = 20130101


@dataclass(frozen=True, slots=True, eq=False)
class Degradation:
    """The metric of a model on newer rows and on older ones, and what chance explains.

    Parameters
    ----------
    newer, older
        The metric on each side.
    by_chance
        The difference, newer less older, under each random permutation.
    p_value
        Probability that the metric is this much worse by chance.
    """

    newer: float
    older: float
    by_chance: NDArray[np.float64]
    p_value: float


def has_surely_fallen(
    definition: ModelDefinition, newer: pa.Table, older: pa.Table | None, *, alpha: float
) -> Degradation | None:
    """Return how much worse a model has become, or None if chance may explain it.

    Parameters
    ----------
    definition, newer, older
        As :func:`measure_degradation` takes them. Without older rows nothing is sure.
    alpha
        Probability of a false alarm.
    """
    if older is None:
        return None
    newer, older = scorable_rows(definition, newer, older)
    if not (newer.num_rows and older.num_rows):
        return None
    found = measure_degradation(definition, newer, older)
    return found if found.p_value <= alpha else None


def scorable_rows(
    definition: ModelDefinition, newer: pa.Table, older: pa.Table
) -> tuple[pa.Table, pa.Table]:
    """Return the rows that the metric can score: all, unless it scores many classes' probabilities.

    Rows that were logged, and holdouts that were kept, before the metric scored probabilities do
    not have them.

    Parameters
    ----------
    definition, newer, older
        As :func:`measure_degradation` takes them.
    """
    if not definition.evaluation.takes_probabilities:
        return newer, older
    if len(_classes(definition, newer, older)) < 3:
        return newer, older
    known = ([each is not None for each in logged_shares(side)] for side in (newer, older))
    new, old = (pa.array(each, pa.bool_()) for each in known)
    return newer.filter(new), older.filter(old)


def measure_degradation(
    definition: ModelDefinition, newer: pa.Table, older: pa.Table
) -> Degradation:
    """Compare a model's metric on newer rows with its metric on older ones.

    Parameters
    ----------
    definition
        Names the metric, and for a time series the horizon.
    newer, older
        At least one row each, in time order, with ``label`` and ``model_output``: text for a
        classification, otherwise numbers in the unit of the target. A metric of probabilities
        needs ``confidence`` too, and with more than two classes ``probabilities`` in each row
        (:func:`scorable_rows`). Of a time series the features that tell series and horizon.

    Raises
    ------
    EvergreenError
        If the metric cannot be computed: a probability is missing, or a function of the user's
        fails.
    """
    rng = np.random.default_rng(_SEED)
    measure = measure_of(definition)
    per_step = rows_per_step(definition, newer)
    block = block_length(definition, min(newer.num_rows, older.num_rows), per_step)
    if measure.kind == "counts":
        here, there, by_chance = _permute_labels(measure, newer, older, rng)
        difference = here - there
    else:
        after, before = _compared(definition, measure, newer, older)
        permute = _permute_numbers if measure.kind == "means" else _permute_rows
        here, there, difference, by_chance = permute(measure, block, after, before, rng)
    worse = by_chance <= difference if measure.more_is_better else by_chance >= difference
    return Degradation(here, there, by_chance, (1 + int(worse.sum())) / (1 + by_chance.size))


def _compared(
    definition: ModelDefinition, measure: Measure, *tables: pa.Table
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Return ground truth and answers of each table, as the metric takes them."""
    if definition.task != "classification":
        return [(table[_LABEL].to_numpy(), table[_OUTPUT].to_numpy()) for table in tables]
    known = _classes(definition, *tables)
    found = []
    for table in tables:
        labels, outputs = (
            np.array(table[name].to_pylist(), dtype=object) for name in (_LABEL, _OUTPUT)
        )
        shares = (
            shares_of_classes(logged_shares(table), known) if measure.has_columns(known) else None
        )
        said = measure.answers(outputs, _confidences(table), known, shares)
        found.append((measure.truth(labels, known), said))
    return found


def _classes(definition: ModelDefinition, *tables: pa.Table) -> list[str]:
    """Return all classes of some rows, sorted."""
    named = named_classes(*(logged_shares(table) for table in tables))
    columns = (table[name] for table in tables for name in (_LABEL, _OUTPUT))
    declared = definition.ground_truth.classes
    said = declared or {name for column in columns for name in column.to_pylist()}
    return sorted({*named, *said})


def _confidences(table: pa.Table) -> NDArray[Any] | None:
    if _CONFIDENCE not in table.column_names:
        return None
    values: NDArray[Any] = table[_CONFIDENCE].cast("float64").to_numpy()
    return values


def _permute_labels(
    measure: Measure, newer: pa.Table, older: pa.Table, rng: np.random.Generator
) -> tuple[float, float, NDArray[np.float64]]:
    # The metric depends only on how often each pair (label, prediction) occurs. A random
    # permutation draws these counts from a hypergeometric distribution. So the cost does not grow
    # with the rows.
    ours, theirs = _pair_counts(newer), _pair_counts(older)
    pairs = sorted({*ours, *theirs})
    ground_truth, answers = np.array(pairs).T
    window = np.array([ours.get(pair, 0) for pair in pairs])
    pooled = window + [theirs.get(pair, 0) for pair in pairs]
    permuted = rng.multivariate_hypergeometric(
        pooled, newer.num_rows, size=SHUFFLES, method="marginals"
    )
    counts = np.vstack([window, permuted])
    classes = sorted({*ground_truth.tolist(), *answers.tolist()})
    here = measure.of_counts(ground_truth, answers, counts, classes)
    there = measure.of_counts(ground_truth, answers, pooled - counts, classes)
    return float(here[0]), float(there[0]), (here - there)[1:]


def _pair_counts(table: pa.Table) -> dict[tuple[str, str], int]:
    counted = table.group_by([_LABEL, _OUTPUT]).aggregate([([], "count_all")])
    columns = (counted[name].to_pylist() for name in (_LABEL, _OUTPUT, "count_all"))
    return {(label, output): count for label, output, count in zip(*columns, strict=True)}


def _permute_numbers(
    measure: Measure, block: int, newer: _Side, older: _Side, rng: np.random.Generator
) -> tuple[float, float, float, NDArray[np.float64]]:
    terms = [measure.terms(*side) for side in (newer, older)]
    sums = [_block_sums(side, block, rng) for side in terms]
    pooled, count = np.concatenate(sums, axis=1), sums[0].shape[1]
    blocks = pooled.shape[1]
    windows = [sums[0].sum(axis=1, keepdims=True)]
    windows += [
        pooled @ chosen.T.astype(np.float64) for chosen in _choices(blocks, count, SHUFFLES, rng)
    ]
    window = np.concatenate(windows, axis=1)
    others = pooled.sum(axis=1, keepdims=True) - window
    if measure.name == "rmse":
        # Sums in another order differ in their last digits; one of squares must not be below zero.
        others = np.maximum(others, 0.0)
    differences = measure.of_means(window / (count * block))
    differences = differences - measure.of_means(others / ((blocks - count) * block))
    here, there = (float(measure.of_means(side.mean(axis=1))) for side in terms)
    return here, there, float(differences[0]), differences[1:]


def _permute_rows(
    measure: Measure, block: int, newer: _Side, older: _Side, rng: np.random.Generator
) -> tuple[float, float, float, NDArray[np.float64]]:
    sides = [_some_blocks(side, block, rng) for side in (newer, older)]
    truth, answers = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    count, blocks = len(sides[0][0]) // block, len(truth) // block
    quick = measure.function is None and truth.ndim == 1
    shuffles = SHUFFLES if quick else _SLOW_SHUFFLES

    def difference(chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
        rows = np.repeat(chosen, block, axis=1).astype(np.intp)
        return measure.of_draws(truth, answers, rows) - measure.of_draws(truth, answers, 1 - rows)

    observed = difference((np.arange(blocks) < count)[np.newaxis])
    by_chance = [difference(chosen) for chosen in _choices(blocks, count, shuffles, rng)]
    here, there = (measure.score(*side) for side in (newer, older))
    return here, there, float(observed[0]), np.concatenate(by_chance)


def _choices(
    blocks: int, count: int, shuffles: int, rng: np.random.Generator
) -> Iterator[NDArray[np.bool_]]:
    """Yield random choices of blocks, several at a time, shape (choices, blocks)."""
    at_once = max(_CELLS // blocks, 1)
    for first in range(0, shuffles, at_once):
        # The blocks with the smallest of random numbers are a random choice of blocks.
        keys = rng.random((min(at_once, shuffles - first), blocks))
        largest = np.partition(keys, count - 1, axis=1)[:, count - 1 : count]
        yield keys <= largest


def _some_blocks(side: _Side, block: int, rng: np.random.Generator) -> _Side:
    """Return the rows of whole blocks, at most as many blocks as are permuted, in their order."""
    count = len(side[0]) // block
    chosen = np.arange(count)
    if count > _MAX_BLOCKS:
        chosen = np.sort(rng.choice(count, _MAX_BLOCKS, replace=False))
    rows = (chosen[:, np.newaxis] * block + np.arange(block)).ravel()
    truth, answers = side
    return truth[rows], answers[rows]


def _block_sums(
    terms: NDArray[np.float64], block: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the sums of blocks of rows, shape (terms, blocks)."""
    count = terms.shape[1] // block
    sums = terms[:, : count * block].reshape(len(terms), count, block).sum(axis=2)
    return sums if count <= _MAX_BLOCKS else rng.choice(sums, _MAX_BLOCKS, replace=False, axis=1)
