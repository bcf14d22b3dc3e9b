"""Promotions to the field, and both decisions ended before every single write.

The integration tests make the same decisions on MLflow's server and on LocalStack.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from evergreen.bundle.store import load_bundle
from evergreen.errors import BundleError, OutdatedComparisonError, RegistryError
from evergreen.production import ProductionPointer
from evergreen.registry.reader import RegisteredVersion
from evergreen.release.decision_log import DecisionRecord
from evergreen.release.promotion import candidate_pointer, promote, reject
from tests.support.aws_in_process import account
from tests.support.fixed_clock import NOW
from tests.support.killed import Killed
from tests.support.release_bench import (
    MODEL,
    ReleaseBench,
    assert_told,
    comparison,
    open_release_bench,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from evergreen.evaluation.comparison import Comparison

    Decide = Callable[[ReleaseBench], DecisionRecord]

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EXECUTION = "arn:aws:states:eu-central-1:123456789012:execution:retraining:1"
CHALLENGER = RegisteredVersion(
    model="fruit",
    version="7",
    run_id="run",
    dataset_id="ds-7",
    bundle_uri="s3://bucket/bundles/fruit/7/",
    bundle_sha256="abc",
)


def assert_unchanged_by(bench: ReleaseBench, decide: Callable[[], object], error: Any) -> Any:
    """Check that a call raises and leaves everything as it was; return the error."""
    before = bench.state()
    with pytest.raises(error) as caught:
        decide()
    assert bench.state() == before
    return caught.value


def test_the_pointer_is_made_of_what_the_registry_knows() -> None:
    made = candidate_pointer(CHALLENGER, promoted_at=NOON, metric=0.5, previous="6")
    assert made == ProductionPointer(
        version="7",
        bundle_uri=CHALLENGER.bundle_uri,
        sha256=CHALLENGER.bundle_sha256,
        reference_dataset_id="ds-7",
        promoted_at=NOON,
        metric=0.5,
        previous="6",
    )


def test_a_first_promotion(bench: ReleaseBench) -> None:
    version = bench.challenger("ds-1")
    evidence = comparison()
    made = promote(bench.context, MODEL, version, evidence, execution=EXECUTION)
    expected = DecisionRecord(
        model=MODEL,
        decision="promote",
        decided_at=NOW,
        challenger=version,
        champion=None,
        reason="the numbers say so",
        comparison=evidence,
        dataset_id="ds-1",
        run_id=bench.run_of(version),
        execution=EXECUTION,
    )
    assert made == expected
    assert bench.records() == [expected]
    found = bench.context.registry.find(MODEL, version)
    assert bench.pointer() == candidate_pointer(found, promoted_at=NOW, metric=0.6)
    assert_told(bench, expected, "Model Promoted")
    state = bench.state()
    assert state["aliases"] == {"champion": version, "challenger": None, "previous": None}
    assert state["versions"][version]["stage"] == "prod"


def test_a_promotion_replaces_the_champion_and_empties_the_shadow_slot(bench: ReleaseBench) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    promote(bench.context, MODEL, first, comparison())
    bench.cast_shadow(second)
    bench.now = LATER
    made = promote(bench.context, MODEL, second, comparison(champion=first))
    assert (made.challenger, made.champion, made.decided_at) == (second, first, LATER)
    assert made.execution is None
    found = bench.context.registry.find(MODEL, second)
    expected = candidate_pointer(found, promoted_at=LATER, metric=0.6, previous=first)
    assert bench.pointer() == expected
    assert bench.pointer().shadow is None
    assert load_bundle(bench.context.storage, expected).version == second
    assert [each.challenger for each in bench.records()] == [first, second]
    assert_told(bench, made, "Model Promoted")
    state = bench.state()
    assert state["aliases"] == {"champion": second, "challenger": None, "previous": first}
    assert "stage" not in state["versions"][first]


@pytest.mark.parametrize(
    ("evidence", "reason", "expected"),
    [
        (comparison(), "by hand", "by hand"),
        (comparison(), None, "the numbers say so"),
        (None, "by hand", "by hand"),
        (None, None, "no reason is known"),
    ],
)
def test_a_decision_has_the_reason_given_or_that_of_its_comparison(
    bench: ReleaseBench, evidence: Comparison | None, reason: str | None, expected: str
) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    promoted = promote(bench.context, MODEL, first, evidence, reason=reason)
    rejected = reject(bench.context, MODEL, second, evidence, reason=reason)
    assert (promoted.reason, rejected.reason) == (expected, expected)
    assert (promoted.comparison, rejected.comparison) == (evidence, evidence)
    assert bench.pointer().metric == (0.6 if evidence else None)
    assert bench.state()["versions"][second]["archived_reason"] == expected


def test_a_promotion_made_twice_changes_nothing(bench: ReleaseBench) -> None:
    version = bench.challenger("ds-1")
    made = promote(bench.context, MODEL, version, comparison())
    before = bench.state()
    bench.now = LATER
    assert promote(bench.context, MODEL, version, None, reason="again") == made
    assert bench.state() == before
    assert len(bench.events()) == 1


def test_a_comparison_with_another_champion_is_outdated(bench: ReleaseBench) -> None:
    first, second, third = (bench.challenger(f"ds-{number}") for number in (1, 2, 3))

    def refused(evidence: Comparison) -> OutdatedComparisonError:
        found = assert_unchanged_by(
            bench,
            lambda: promote(bench.context, MODEL, third, evidence),
            OutdatedComparisonError,
        )
        assert isinstance(found, OutdatedComparisonError)
        assert found.where == f"{MODEL} {third}"
        assert found.fix == "Compare it with the version in production."
        return found

    promote(bench.context, MODEL, first, comparison())
    promote(bench.context, MODEL, second, comparison(champion=first))
    outdated = refused(comparison(champion=first))
    assert outdated.what == (
        f"it was compared with version {first}, and version {second} is in production now"
    )
    outdated = refused(comparison())
    assert (
        outdated.what
        == f"it was compared with no version, and version {second} is in production now"
    )
    # A comparison of an earlier release has a champion's metric and not its version.
    unnamed = comparison(champion=second).model_copy(update={"champion": None})
    assert promote(bench.context, MODEL, third, unnamed).champion == second


def test_a_comparison_with_a_champion_is_outdated_where_nothing_serves(bench: ReleaseBench) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    with pytest.raises(OutdatedComparisonError) as caught:
        promote(bench.context, MODEL, second, comparison(champion=first))
    assert caught.value.what == (
        f"it was compared with version {first}, and no version is in production now"
    )
    assert bench.context.production.read(MODEL) is None


def test_a_version_that_was_in_production_is_neither_promoted_nor_rejected(
    bench: ReleaseBench,
) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    promote(bench.context, MODEL, first, comparison())
    promote(bench.context, MODEL, second, comparison(champion=first))
    again = comparison(champion=second)
    error = assert_unchanged_by(
        bench, lambda: promote(bench.context, MODEL, first, again), RegistryError
    )
    assert error.what == "the version was in production before, so it is not a challenger"
    assert error.where == f"{MODEL} {first}"
    assert error.fix == f"Go back to it with `evergreen rollback {MODEL} --to {first}`."
    for version in (first, second):
        error = assert_unchanged_by(
            bench, partial(reject, bench.context, MODEL, version, again), RegistryError
        )
        assert error.what == "a version that is or was in production cannot be rejected"
        assert error.where == f"{MODEL} {version}"
        assert error.fix == "Roll production back to another version instead."


def test_what_the_registry_does_not_have_is_neither_promoted_nor_rejected(
    bench: ReleaseBench,
) -> None:
    version = bench.challenger("ds-1", bundle=False)
    with pytest.raises(RegistryError, match="bundle_uri"):
        promote(bench.context, MODEL, version, comparison())
    with pytest.raises(RegistryError):
        promote(bench.context, MODEL, "9", comparison())
    with pytest.raises(RegistryError, match="there is no such version") as caught:
        reject(bench.context, MODEL, "9", comparison("reject"))
    assert caught.value.where == f"{MODEL} 9"
    assert bench.context.production.read(MODEL) is None
    assert bench.records() == []


def test_an_altered_bundle_is_not_promoted(bench: ReleaseBench) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    promote(bench.context, MODEL, first, comparison())
    bench.context.storage.put(f"bundles/{MODEL}/{second}/model.onnx", b"another model")
    assert_unchanged_by(
        bench,
        lambda: promote(bench.context, MODEL, second, comparison(champion=first)),
        BundleError,
    )


def promotion(bench: ReleaseBench) -> DecisionRecord:
    return promote(bench.context, MODEL, "2", comparison(champion="1"))


def rejection(bench: ReleaseBench) -> DecisionRecord:
    return reject(bench.context, MODEL, "2", comparison("reject", champion="1"))


# Each try is a release from nothing, of a second: so every second write is tried, and every third
# with MLflow's store of files, which takes several times as long.
@pytest.mark.parametrize(
    ("decide", "registry", "step"),
    [(promotion, "mlflow", 3), (rejection, "mlflow", 3), (promotion, "bucket", 2)],
)
def test_a_decision_ended_before_any_of_its_writes_is_finished_by_the_next_call(
    tmp_path: Path, decide: Decide, registry: str, step: int
) -> None:
    states: list[Any] = []
    number, ended = 0, True
    while ended:
        with account() as aws, open_release_bench(aws, tmp_path / str(number), registry) as bench:
            bench.challenger("ds-1")
            promote(bench.context, MODEL, "1", comparison())
            bench.challenger("ds-2")
            bench.cast_shadow("2")
            bench.now = LATER
            with bench.killed_before_write(number) as mortal:
                try:
                    decide(mortal)
                    ended = False
                except Killed:
                    number += step
            assert len(bench.context.registry.in_stage(MODEL)) <= 1
            bench.now = LATER + timedelta(hours=1)
            made = decide(bench)
            assert bench.records()[1:] == [made]
            # Where the first call had not committed, the time of the decision is the second's.
            states.append(str(bench.state()).replace("14:30:00", "13:30:00"))
    assert number > 10
    assert set(states) == {states[-1]}
