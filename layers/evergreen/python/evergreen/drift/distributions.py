"""Distributions of features in the reference and in a check's window, over common bins.

The check keeps those of the features that changed most, so that the status page can draw them
without the rows. The command line draws them as text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter

from evergreen.drift.detectors.texts import lengths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from evergreen.drift.records import UnivariateTest
    from evergreen.model_definition import Feature
    from evergreen.storage import Storage

_PREFIX = "drift/distributions/"
FEATURES = 12
"""The number of a check's features whose distributions are kept: those that changed most."""
_BINS = 24
_CATEGORIES = 8
_OUTLIERS = 0.5
"""Percent of the values at each end that are counted in the outermost bins."""
MISSING_BAR = "(missing)"
OTHER_BAR = "(other)"


@dataclass(frozen=True, slots=True)
class Numbers:
    """The two distributions of a numeric feature: shares of the non-missing rows per bin."""

    edges: tuple[float, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]
    medians: tuple[float | None, float | None]
    missing: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Categories:
    """The two distributions of a categorical feature: shares of all rows, largest change first."""

    names: tuple[str, ...]
    reference: tuple[float, ...]
    window: tuple[float, ...]


def of_numbers(reference: NDArray[Any], window: NDArray[Any], bins: int) -> Numbers:
    """Return the distributions of a numeric feature over common bins.

    Parameters
    ----------
    reference, window
        Values of n and m rows; values that are not finite count as missing.
    bins
        The number of bins. The outermost bins also count the values beyond them.
    """
    sides = [values[np.isfinite(values)].astype(np.float64) for values in (reference, window)]
    pooled = np.concatenate(sides)
    low, high = np.percentile(pooled, [_OUTLIERS, 100 - _OUTLIERS]) if pooled.size else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, bins + 1)
    shares = [
        np.histogram(np.clip(values, low, high), edges)[0] / max(values.size, 1) for values in sides
    ]
    medians = [float(np.median(values)) if values.size else None for values in sides]
    lost = [
        1 - values.size / max(whole.size, 1)
        for values, whole in zip(sides, (reference, window), strict=True)
    ]
    return Numbers(
        tuple(edges.tolist()),
        tuple(shares[0].tolist()),
        tuple(shares[1].tolist()),
        (medians[0], medians[1]),
        (lost[0], lost[1]),
    )


def of_categories(reference: NDArray[Any], window: NDArray[Any], most: int) -> Categories:
    """Return the distributions of a categorical feature, the rarely changed ones as one.

    Parameters
    ----------
    reference, window
        Categories of n and m rows, "" where missing.
    most
        The number of categories with the largest change that get their own line.
    """
    shares = [_shares(values) for values in (reference, window)]
    every = sorted(
        {*shares[0], *shares[1]},
        key=lambda name: (-abs(shares[0].get(name, 0.0) - shares[1].get(name, 0.0)), name),
    )
    names = every[:most]
    columns = [[side.get(name, 0.0) for name in names] for side in shares]
    if rest := every[most:]:
        names.append(OTHER_BAR)
        for column, side in zip(columns, shares, strict=True):
            column.append(sum(side.get(name, 0.0) for name in rest))
    return Categories(tuple(names), tuple(columns[0]), tuple(columns[1]))


type Distributions = Numbers | Categories
"""The two distributions of one feature."""

_KEPT: TypeAdapter[dict[str, Distributions]] = TypeAdapter(dict[str, Distributions])


def distributions_key(model: str, check_id: str) -> str:
    """Return where the distributions of a check are stored."""
    return f"{_PREFIX}{model}/{check_id}.json"


def most_changed(tests: Sequence[UnivariateTest]) -> list[UnivariateTest]:
    """Return the test of each feature that says most, the drifted and most changed ones first.

    Changes are compared in units of their thresholds, as methods measure them differently.
    """
    tested = [test for test in tests if test.effect_size is not None]
    ranked = sorted(
        tested,
        key=lambda test: (test.drifted, (test.effect_size or 0.0) / test.effect_threshold),
        reverse=True,
    )
    most: dict[str, UnivariateTest] = {}
    for test in ranked:
        most.setdefault(test.feature_name, test)
    return list(most.values())


def of_feature(
    feature: Feature,
    reference: NDArray[Any],
    window: NDArray[Any],
    bins: int,
    categories: int,
) -> Distributions:
    """Return the distributions of a feature; of a free text, those of its length.

    The texts themselves are for nobody's screen. Parameters as those of :func:`of_numbers` and
    :func:`of_categories`.
    """
    if feature.type == "text":
        return of_numbers(lengths(reference), lengths(window), bins)
    if feature.is_numeric:
        return of_numbers(reference, window, bins)
    return of_categories(reference, window, categories)


def distributions_of(
    tests: Sequence[UnivariateTest],
    features: Mapping[str, Feature],
    reference: Mapping[str, NDArray[Any]],
    window: Mapping[str, NDArray[Any]],
    *,
    most: int,
) -> dict[str, Distributions]:
    """Return the distributions of the features that changed most, those first.

    Parameters
    ----------
    tests
        The tests of a check.
    features
        Every tested feature by name.
    reference, window
        Columns of n and m rows, as models see them.
    most
        The number of features.
    """
    return {
        name: of_feature(features[name], reference[name], window[name], _BINS, _CATEGORIES)
        for name in (test.feature_name for test in most_changed(tests)[:most])
    }


def write_distributions(
    storage: Storage, key: str, distributions: Mapping[str, Distributions]
) -> None:
    """Keep the first :data:`FEATURES` distributions of a check, some KB."""
    kept = dict(islice(distributions.items(), FEATURES))
    storage.put(key, _KEPT.dump_json(kept))


def read_distributions(storage: Storage, key: str) -> dict[str, Distributions]:
    """Return the distributions by feature; none where a check has kept none."""
    found = storage.get(key)
    return {} if found is None else _KEPT.validate_json(found)


def _shares(values: NDArray[Any]) -> dict[str, float]:
    counts = Counter(values.tolist())
    return {str(name) or MISSING_BAR: count / values.size for name, count in counts.items()}
