"""Rejections to the field: what a challenger that loses leaves behind."""

from __future__ import annotations

from datetime import timedelta

from evergreen.clock import to_text
from evergreen.datasets.manifest import folder_key
from evergreen.release.decision_log import DecisionRecord, decision_key
from evergreen.release.promotion import promote, reject
from tests.support.fixed_clock import NOW
from tests.support.release_bench import MODEL, ReleaseBench, assert_told, comparison

LATER = NOW + timedelta(hours=1)
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:retraining:1"


def test_a_rejection(bench: ReleaseBench) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    promote(bench.context, MODEL, first, comparison())
    bench.now = LATER
    evidence = comparison("reject", champion=first)
    made = reject(bench.context, MODEL, second, evidence, execution=EXECUTION)
    expected = DecisionRecord(
        model=MODEL,
        decision="reject",
        decided_at=LATER,
        challenger=second,
        champion=first,
        reason="the numbers say so",
        comparison=evidence,
        dataset_id="ds-2",
        run_id=bench.run_of(second),
        execution=EXECUTION,
    )
    assert made == expected
    assert bench.records()[1:] == [expected]
    assert bench.pointer().version == first
    assert_told(bench, expected, "Challenger Rejected")
    state = bench.state()
    assert state["aliases"] == {"champion": first, "challenger": None, "previous": None}
    tags = state["versions"][second]
    assert (tags["stage"], tags["archived_reason"]) == ("archived", "the numbers say so")
    assert tags["archived_at"] == to_text(LATER)
    assert bench.keys(f"bundles/{MODEL}/{second}/") == []
    assert len(bench.keys(f"bundles/{MODEL}/{first}/")) == 3
    assert bench.keys("datasets/") == [folder_key(MODEL, "ds-1") + "data.parquet"]


def test_a_rejection_where_nothing_serves(bench: ReleaseBench) -> None:
    version = bench.challenger("ds-1", bundle=False)
    made = reject(bench.context, MODEL, version, None, reason="it was never evaluated")
    assert (made.champion, made.comparison, made.execution) == (None, None, None)
    assert bench.context.production.read(MODEL) is None
    assert bench.keys() == [decision_key(made)]


def test_a_rejection_made_twice_changes_nothing(bench: ReleaseBench) -> None:
    version = bench.challenger("ds-1")
    made = reject(bench.context, MODEL, version, comparison("reject"))
    before = bench.state()
    bench.now = LATER
    assert reject(bench.context, MODEL, version, None, reason="again") == made
    assert bench.state() == before
    assert len(bench.events()) == 1


def test_a_rejection_empties_the_shadow_slot_of_its_own_version_only(bench: ReleaseBench) -> None:
    first, second, third = (bench.challenger(f"ds-{number}") for number in (1, 2, 3))
    promote(bench.context, MODEL, first, comparison())
    bench.cast_shadow(third)
    reject(bench.context, MODEL, second, comparison("reject", champion=first))
    shadow = bench.pointer().shadow
    assert shadow is not None
    assert shadow.version == third
    reject(bench.context, MODEL, third, comparison("reject", champion=first))
    assert bench.pointer().shadow is None
    assert bench.pointer().version == first


def test_a_rejection_keeps_a_data_set_that_another_version_needs(bench: ReleaseBench) -> None:
    first, second = bench.challenger("served"), bench.challenger("serves")
    promote(bench.context, MODEL, first, comparison())
    promote(bench.context, MODEL, second, comparison(champion=first))
    for dataset_id in ("served", "serves"):
        shared = bench.challenger(dataset_id)
        reject(bench.context, MODEL, shared, comparison("reject", champion=second))
    one, other = bench.challenger("open"), bench.challenger("open")
    reject(bench.context, MODEL, one, comparison("reject", champion=second))
    kept = [folder_key(MODEL, name) + "data.parquet" for name in ("open", "served", "serves")]
    assert bench.keys("datasets/") == kept
    reject(bench.context, MODEL, other, comparison("reject", champion=second))
    assert bench.keys("datasets/") == kept[1:]


def test_a_rejection_keeps_the_data_set_of_a_pointer_whose_version_was_deleted(
    bench: ReleaseBench,
) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-1")
    promote(bench.context, MODEL, first, comparison())
    bench.mlflow.delete_model_version(MODEL, first)
    reject(bench.context, MODEL, second, comparison("reject", champion=first))
    assert bench.keys("datasets/") == [folder_key(MODEL, "ds-1") + "data.parquet"]
