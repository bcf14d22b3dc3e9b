from __future__ import annotations

from datetime import UTC, datetime

from evergreen.datasets.manifest import AgeEffect, Aging, DatasetManifest
from evergreen.evaluation.circumstances import circumstances_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def effect(rows: int, *, probability_worse: float) -> AgeEffect:
    return AgeEffect(
        rows=rows,
        origins=6,
        share_worse=1,
        loss=1.0,
        error=0.5,
        probability_worse=probability_worse,
    )


def manifest(*effects: AgeEffect, new: int = 0) -> DatasetManifest:
    return DatasetManifest(
        dataset_id="ds-1",
        model="fruit",
        rows=500,
        train_rows=400,
        holdout_rows=100,
        sources=("log",),
        first_timestamp=NOON,
        last_timestamp=NOON,
        data_until=NOON,
        log_from=NOON,
        class_balance=None,
        sha256="",
        created_at=NOON,
        aging=Aging(effects=effects) if effects else None,
        new_train_rows=new,
    )


SOON, LATER = effect(40, probability_worse=0.6), effect(160, probability_worse=0.98)


def test_the_age_that_counts_is_the_number_of_rows_that_the_challenger_learns() -> None:
    for new, found in ((50, SOON), (150, LATER)):
        assert circumstances_of(manifest(SOON, LATER, new=new), None).aging == found
    assert circumstances_of(manifest(new=50), None).aging is None


def test_the_world_moves_if_the_champion_ages_or_if_drift_started_the_retraining() -> None:
    quiet, aged = manifest(SOON), manifest(SOON, LATER)
    for champion in (None, manifest(), quiet):
        assert circumstances_of(quiet, champion, ["new_rows"]).moved is None
    assert circumstances_of(aged, quiet).moved is None
    found = circumstances_of(quiet, aged).moved
    assert found == "models of the champion's rows are surely better with 160 newer rows"
    # On few new rows a check retrains only where something moves, on more in any case.
    few, many = manifest(SOON, new=149), manifest(SOON, new=150)
    assert circumstances_of(few, aged, ["new_rows"]).moved == found
    assert circumstances_of(many, aged, ["new_rows"]).moved is None
    assert circumstances_of(many, aged).moved == found
    moving = aged.model_copy(
        update={"aging": Aging(effects=(LATER,), newer_alone=effect(160, probability_worse=1))}
    )
    assert circumstances_of(many, moving, ["new_rows"]).moved == found
    found = circumstances_of(quiet, aged, ["data_drift", "performance"]).moved
    assert found == "the retraining was started because the metric got worse"
    found = circumstances_of(quiet, None, ["estimated_performance"]).moved
    assert found == "the retraining was started because the estimated metric got worse"
    found = circumstances_of(quiet, None, ["data_drift"]).moved
    assert found == "the retraining was started because the data drifted"
