"""The pace of a model: how many rows a check and a retraining wait for, if no setting says it.

A model of five rows a month and one of five a second need not wait for equally many. New rows are
worth a retraining when they are a notable share of what the model has learnt from. So the numbers
follow the rows of the champion's data set. The bounds follow from what can be seen in so few rows,
and from what no larger number would show better (``docs/retraining.md``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.model_definition import ModelDefinition

SHARE = 1 / 20
"""Share of the champion's rows."""
LABELLED_ROWS = (100, 1000)
"""Fewest and most labelled rows that are waited for. Half of them are held out."""
FEWEST_LABELLED_ROWS = 40
"""Half of them are held out, and a comparison of fewer than 20 rows says nothing. So many are
enough where the champion's metric has surely fallen."""
WINDOW_ROWS = (30, 200)
"""Fewest and most rows of a window that are waited for. Every test is exact, or its false alarms
were measured, from the first number on."""


def labelled_rows_needed(
    definition: ModelDefinition, champion: DatasetManifest, *, fallen: bool = False
) -> int:
    """Return how many new labelled rows a check waits for before it starts a retraining.

    If ``evaluation.min_labelled_rows`` is set, it is that many: with fewer there is no data set, so
    no retraining could follow.

    Parameters
    ----------
    definition
        The model's.
    champion
        The data set of the version in production.
    fallen
        Whether its metric has surely fallen. Then a challenger is likely to win, and waiting costs
        more than a lost one.
    """
    if definition.evaluation.min_labelled_rows is not None:
        return fewest_labelled_rows(definition)
    return FEWEST_LABELLED_ROWS if fallen else _share(champion, LABELLED_ROWS)


def fewest_labelled_rows(definition: ModelDefinition) -> int:
    """Return how many labelled rows a data set needs, whoever asks for it."""
    setting = definition.evaluation.min_labelled_rows
    return FEWEST_LABELLED_ROWS if setting is None else setting


def window_rows_needed(definition: ModelDefinition, champion: DatasetManifest) -> int:
    """Return how many rows a window needs for a verdict: ``drift.min_rows`` if it is set."""
    setting = definition.drift.min_rows
    return setting if setting is not None else _share(champion, WINDOW_ROWS)


def _share(champion: DatasetManifest, bounds: tuple[int, int]) -> int:
    least, most = bounds
    return min(max(round(SHARE * champion.rows), least), most)
