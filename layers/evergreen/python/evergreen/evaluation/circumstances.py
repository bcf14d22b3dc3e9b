"""What is known of the world beside the holdout: how models of it age, and why a retraining ran."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evergreen.datasets.pace import GROWN

if TYPE_CHECKING:
    from collections.abc import Collection

    from evergreen.datasets.manifest import AgeEffect, DatasetManifest
    from evergreen.events import Ground

_GROUNDS_OF_CHANGE: dict[Ground, str] = {
    "performance": "the retraining was started because the metric got worse",
    "estimated_performance": "the retraining was started because the estimated metric got worse",
    "data_drift": "the retraining was started because the data drifted",
}


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a comparison is told beside the rows that both models are judged on."""

    aging: AgeEffect | None = None
    """What models that did not learn the challenger's new training rows lost to models that did, at
    earlier origins; None if that was not looked at."""
    moved: str | None = None
    """Why the world is taken to move, in words; None while all is quiet."""


def circumstances_of(
    challenger: DatasetManifest,
    champion: DatasetManifest | None,
    because: Collection[Ground] = (),
) -> Circumstances:
    """Return what two data sets and the grounds of the retraining say about a comparison.

    Parameters
    ----------
    challenger, champion
        The manifests of the data sets that both models are judged by; the champion's is None where
        nothing is in production.
    because
        Grounds on which the retraining was started. Without one, somebody started it by hand. That
        there are new rows is none on which a world moves.
    """
    aging = challenger.aging.at(challenger.new_train_rows) if challenger.aging else None
    grounds = [said for ground, said in _GROUNDS_OF_CHANGE.items() if ground in because]
    champions = champion.aging if champion else None
    pays_after = champions.pays_after if champions else None
    if grounds:
        return Circumstances(aging, grounds[0])
    moves = champions is not None and champions.world_moves
    if pays_after is not None and (moves or not (because and _has_grown(challenger, champion))):
        return Circumstances(
            aging, f"models of the champion's rows are surely better with {pays_after} newer rows"
        )
    return Circumstances(aging)


def _has_grown(challenger: DatasetManifest, champion: DatasetManifest | None) -> bool:
    """Return whether there are so many new rows that a check needs no finding to retrain on them.

    On fewer rows a check starts a retraining only where something moves.
    """
    new = challenger.new_train_rows + challenger.holdout_rows
    return champion is not None and new >= champion.rows // GROWN
