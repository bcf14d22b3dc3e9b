"""The pace of a model: how many rows a check and a retraining wait for, if no setting says it.

A model of five rows a month and one of five a second need not wait for equally many. New rows are
worth a retraining when they are a notable share of what the model has learnt from. So the numbers
follow the rows of the champion's data set, and how fast a model of these rows ages.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.events import Ground
    from evergreen.model_definition import ModelDefinition

FEWEST_LABELLED_ROWS = 40
"""Half of them are held out, and a comparison of fewer than 20 rows says nothing."""
AFTER_FALL = (20, FEWEST_LABELLED_ROWS)
"""The part of the champion's rows that is waited for where its metric has surely fallen, and the
fewest rows. There a challenger is likely to win, and waiting costs more than a lost one."""
AFTER_DRIFT = (10, 100)
"""The same where its inputs have moved, which not every model feels."""
GROWN = 2
"""The part of the champion's rows with which a data set has grown enough, drift or none."""
NEARLY = 0.75
"""The part of the rows after which newer models are better that is waited for. A month brings fewer
rows than another one, and the rows that lack must not cost a whole period."""
WINDOW_PART, WINDOW_ROWS = 20, (30, 200)
"""The part of the champion's rows that a window needs, and the fewest and most rows. Every test is
exact, or its false alarms were measured, from the first number on."""
_PARTS = {GROWN: "half", AFTER_DRIFT[0]: "a tenth", AFTER_FALL[0]: "a twentieth"}


class RowsNeeded(NamedTuple):
    """How many new labelled rows are waited for, and why so many, in words."""

    rows: int
    why: str


def labelled_rows_needed(
    definition: ModelDefinition, champion: DatasetManifest
) -> dict[Ground, RowsNeeded]:
    """Return how many new labelled rows a retraining waits for on each ground, if none has lost.

    ``new_rows`` waits until the data set has grown by a half, or for :func:`aged_rows_needed`.

    If ``evaluation.min_labelled_rows`` is set, a fall and drift wait for that many, and new rows
    for no fewer: with fewer there is no data set, so no retraining could follow.

    Parameters
    ----------
    definition
        The model's.
    champion
        The data set of the version in production.
    """
    fallen = _after(AFTER_FALL, definition, champion)
    return {
        "data_drift": _after(AFTER_DRIFT, definition, champion),
        "performance": fallen,
        "estimated_performance": fallen,
        "new_rows": _at_least(
            definition, RowsNeeded(round(champion.rows / GROWN), _part_of(champion, GROWN))
        ),
    }


def aged_rows_needed(definition: ModelDefinition, champion: DatasetManifest) -> RowsNeeded | None:
    """Return after how many new labelled rows newer models are surely better; None if never."""
    aging = champion.aging
    if aging is None or aging.pays_after is None:
        return None
    newer = "models of as many but newer" if aging.world_moves else "newer models of such"
    why = f"{newer} rows are better after {aging.pays_after}"
    return _at_least(definition, RowsNeeded(round(aging.pays_after * NEARLY), why))


def fewest_labelled_rows(definition: ModelDefinition) -> int:
    """Return how many labelled rows a data set needs, whoever asks for it."""
    setting = definition.evaluation.min_labelled_rows
    return FEWEST_LABELLED_ROWS if setting is None else setting


def window_rows_needed(definition: ModelDefinition, champion: DatasetManifest) -> int:
    """Return how many rows a window needs for a verdict: ``drift.min_rows`` if it is set."""
    if definition.drift.min_rows is not None:
        return definition.drift.min_rows
    least, most = WINDOW_ROWS
    return min(max(round(champion.rows / WINDOW_PART), least), most)


def _after(
    rule: tuple[int, int], definition: ModelDefinition, champion: DatasetManifest
) -> RowsNeeded:
    if definition.evaluation.min_labelled_rows is not None:
        return _fewest(definition)
    part, least = rule
    share = round(champion.rows / part)
    if share < least:
        return RowsNeeded(least, f"with fewer than {least} little can be seen")
    return RowsNeeded(share, _part_of(champion, part))


def _at_least(definition: ModelDefinition, needed: RowsNeeded) -> RowsNeeded:
    return max(needed, _fewest(definition), key=lambda each: each.rows)


def _fewest(definition: ModelDefinition) -> RowsNeeded:
    fewest = fewest_labelled_rows(definition)
    is_set = definition.evaluation.min_labelled_rows is not None
    why = "as min_labelled_rows says" if is_set else "with fewer nothing can be compared"
    return RowsNeeded(fewest, why)


def _part_of(champion: DatasetManifest, part: int) -> str:
    return f"{_PARTS[part]} of the champion's {champion.rows}"
