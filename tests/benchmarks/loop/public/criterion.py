"""What a series must have before it is replayed, so that its lines can say something.

The promises speak of two per cent of a metric. Of the twelve series that were run once with the
second rules, some served so few rows that their noise was several times as wide, and one had a
target with so long a tail that a handful of its rows decided. Therefore, written down before any of
the new series was replayed, each serves in its first
:data:`~tests.benchmarks.loop.public.cutting.QUICK_PERIODS` periods

- at least :data:`CLASSIFIED` rows, of which the rarer of two classes has a quarter, if it is
  classified; where the outcome can hardly be told, the commoner class is the one that is asked for;
- at least :data:`MEASURED` rows otherwise. None of these is further than :data:`TAIL` standard
  deviations from the mean; an amount that has such a tail is predicted as its logarithm.

There are at least :data:`PERIODS` periods, and most of them have rows. The first champion knows at
least :data:`KNOWN` rows.

One clause came later: each feature has a value in some of these rows. One series had none for a
feature, so its first champion could not be trained. That was seen before the series had any result;
the feature was left out of it.

Another came after the third rules, and before any of the series it is about was replayed: where
nothing drifts, the first champion knows at least :data:`KNOWN_WHERE_QUIET` rows. A model that knows
few rows gains from each further one. Whatever is retrained later is better then, and not because
the world has moved: to its model such a world is not a quiet one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tests.benchmarks.loop.public.cutting import QUICK_PERIODS

if TYPE_CHECKING:
    import pandas as pd

    from tests.benchmarks.loop.series import Series

CLASSIFIED = 4_000
MEASURED = 1_500
RAREST = 0.25
PERIODS = 12
KNOWN = 300
KNOWN_WHERE_QUIET = 5_000
TAIL = 8.0


def shortcomings(series: Series, *, known_where_quiet: int = KNOWN_WHERE_QUIET) -> list[str]:
    """Return what a series lacks, in words; nothing if it can show a difference.

    Parameters
    ----------
    series
        A series, whole or its first periods.
    known_where_quiet
        Rows that the first champion knows where nothing drifts; :data:`KNOWN` for series that are
        older than this clause.
    """
    bounds = series.bounds[: QUICK_PERIODS + 1]
    served = series.between(bounds[0], bounds[-1])
    known = series.between(None, bounds[0])
    filled = sum(not series.between(*period).empty for period in series.periods[:QUICK_PERIODS])
    least = known_where_quiet if series.quiet else KNOWN
    values, features = served[series.definition.target], series.definition.features
    found = [
        (len(bounds) - 1 >= PERIODS, f"{len(bounds) - 1} periods, of {PERIODS}"),
        (filled * 2 > len(bounds) - 1, f"{filled} periods with rows, of {len(bounds) - 1}"),
        (len(known) >= least, f"{len(known)} rows for the first champion, of {least}"),
        *(
            (bool(known[name].notna().any()), f"no {name} for the first champion")
            for name in features
        ),
    ]
    if series.definition.task == "classification":
        found += _classified(values)
    else:
        found += _measured(values)
    return [words for holds, words in found if not holds]


def _classified(values: pd.Series) -> list[tuple[bool, str]]:
    shares = values.value_counts(normalize=True)
    rarest = float(shares.min()) if len(shares) > 1 else 0.0
    return [
        (len(values) >= CLASSIFIED, f"{len(values)} rows served, of {CLASSIFIED}"),
        (len(shares) == 2, f"{len(shares)} classes, of 2"),
        (rarest >= RAREST, f"a class of {rarest:.0%}, of {RAREST:.0%}"),
    ]


def _measured(values: pd.Series) -> list[tuple[bool, str]]:
    numbers = values.to_numpy(dtype=float)
    spread = float(np.std(numbers)) if len(numbers) else 0.0
    far = float(np.max(np.abs(numbers - np.mean(numbers)))) / spread if spread else 0.0
    return [
        (len(numbers) >= MEASURED, f"{len(numbers)} rows served, of {MEASURED}"),
        (spread > 0, "a target that is always the same"),
        (far <= TAIL, f"a row {far:.1f} deviations from the mean, of at most {TAIL:g}"),
    ]
