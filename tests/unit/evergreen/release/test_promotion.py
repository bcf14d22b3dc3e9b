"""Promotions and rejections to the field, and ended before every single write.

The integration tests make the same decisions on MLflow's server and on LocalStack.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evergreen.bundle.store import load_bundle
from evergreen.clock import to_text
from evergreen.datasets.store import folder_key
from evergreen.errors import BundleError, OutdatedComparisonError, RegistryError
from evergreen.production import ProductionPointer
from evergreen.registry.reader import RegisteredVersion
from evergreen.release.decision_log import (
    DecisionRecord,
    decision_key,
    read_decision_records,
)
from evergreen.release.promotion import candidate_pointer, promote, reject
from tests.support.aws_in_process import account
from tests.support.fixed_clock import NOW
from tests.support.killed import Killed
from tests.support.release_bench import (
    BUS,
    MODEL,
    ReleaseBench,
    comparison,
    open_release_bench,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from evergreen.evaluation.comparison import Comparison
    from tests.support.aws_in_process import Account

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


@pytest.fixture(autouse=True)
def file_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let MLflow use the store that it keeps in maintenance.

    Without an address of its own, that store tries to import MLflow's database at every read.
    """
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tmp_path.as_uri())


@pytest.fixture
def bench(aws: Account, tmp_path: Path) -> Iterator[ReleaseBench]:
    with open_release_bench(aws, tmp_path) as opened:
        yield opened


def record(decided_at: datetime, challenger: str = "7") -> DecisionRecord:
    return DecisionRecord(
        model="fruit",
        decision="promote",
        decided_at=decided_at,
        challenger=challenger,
        champion=None,
        reason="first",
        comparison=comparison(),
        dataset_id="ds-7",
        run_id="run",
        execution=None,
    )


def records(bench: ReleaseBench) -> list[DecisionRecord]:
    return read_decision_records(bench.context.storage, MODEL)


def pointer(bench: ReleaseBench) -> ProductionPointer:
    found = bench.context.production.read(MODEL)
    assert found is not None
    return found


def assert_unchanged_by(bench: ReleaseBench, decide: Callable[[], object], error: Any) -> Any:
    """Check that a call raises and leaves everything as it was; return the error."""
    before = bench.state()
    with pytest.raises(error) as caught:
        decide()
    assert bench.state() == before
    return caught.value


def test_a_decision_is_filed_under_its_model_time_and_challenger() -> None:
    key = decision_key(record(NOON))
    assert key == "decisions/model=fruit/2026-03-01T12:00:00.000000Z-7.json"


@given(st.timedeltas(timedelta(microseconds=1), timedelta(days=4000)), st.integers(1, 99))
def test_decisions_are_listed_in_the_order_they_were_made(later: timedelta, version: int) -> None:
    assert decision_key(record(NOON, "99")) < decision_key(record(NOON + later, str(version)))


def test_a_decision_record_comes_back_from_json() -> None:
    made = record(NOON)
    assert DecisionRecord.model_validate_json(made.model_dump_json()) == made


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
    assert records(bench) == [expected]
    found = bench.context.registry.find(MODEL, version)
    assert pointer(bench) == candidate_pointer(found, promoted_at=NOW, metric=0.6)
    assert_told(bench, expected, "Model Promoted")
    state = bench.state()
    assert state["aliases"] == {"champion": version, "challenger": None, "previous": None}
    assert state["versions"][version]["stage"] == "prod"


def assert_told(bench: ReleaseBench, made: DecisionRecord, kind: str) -> None:
    """Check the newest event of a decision, and the links from run and version to its record."""
    uri = bench.context.storage.uri(decision_key(made))
    assert made.comparison is not None
    assert bench.events()[-1] == {
        "Source": "evergreen",
        "DetailType": kind,
        "EventBusName": BUS,
        "Detail": {
            **made.comparison.model_dump(mode="json"),
            "schema_version": 1,
            "model": MODEL,
            "challenger": made.challenger,
            "champion": made.champion,
            "decision": made.decision,
            "decided_at": to_text(made.decided_at),
            "reason": made.reason,
            "execution": made.execution,
            "dataset_id": made.dataset_id,
            "run_id": made.run_id,
            "decision_record": uri,
        },
    }
    links = {
        "decision": made.decision,
        "decision_record": uri,
        "dataset_uri": bench.context.storage.uri(folder_key(MODEL, made.dataset_id)),
    }
    version = bench.mlflow.get_model_version(MODEL, made.challenger)
    run = bench.mlflow.get_run(made.run_id)
    assert version.tags | links == version.tags
    assert run.data.tags | links | {"model_version": made.challenger} == run.data.tags


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
    assert pointer(bench) == expected
    assert pointer(bench).shadow is None
    assert load_bundle(bench.context.storage, expected).version == second
    assert [each.challenger for each in records(bench)] == [first, second]
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
    assert pointer(bench).metric == (0.6 if evidence else None)
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
    assert records(bench) == []


def test_an_altered_bundle_is_not_promoted(bench: ReleaseBench) -> None:
    first, second = bench.challenger("ds-1"), bench.challenger("ds-2")
    promote(bench.context, MODEL, first, comparison())
    bench.context.storage.put(f"bundles/{MODEL}/{second}/model.onnx", b"another model")
    assert_unchanged_by(
        bench,
        lambda: promote(bench.context, MODEL, second, comparison(champion=first)),
        BundleError,
    )


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
    assert records(bench)[1:] == [expected]
    assert pointer(bench).version == first
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
    shadow = pointer(bench).shadow
    assert shadow is not None
    assert shadow.version == third
    reject(bench.context, MODEL, third, comparison("reject", champion=first))
    assert pointer(bench).shadow is None
    assert pointer(bench).version == first


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


def promotion(bench: ReleaseBench) -> DecisionRecord:
    return promote(bench.context, MODEL, "2", comparison(champion="1"))


def rejection(bench: ReleaseBench) -> DecisionRecord:
    return reject(bench.context, MODEL, "2", comparison("reject", champion="1"))


@pytest.mark.parametrize("decide", [promotion, rejection])
def test_a_decision_ended_before_any_of_its_writes_is_finished_by_the_next_call(
    tmp_path: Path, decide: Decide
) -> None:
    states: list[Any] = []
    number, ended = 0, True
    while ended:
        with account() as aws, open_release_bench(aws, tmp_path / str(number)) as bench:
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
                    number += 1
            assert len(bench.context.registry.in_stage(MODEL)) <= 1
            bench.now = LATER + timedelta(hours=1)
            made = decide(bench)
            assert records(bench)[1:] == [made]
            # Where the first call had not committed, the time of the decision is the second's.
            states.append(str(bench.state()).replace("14:30:00", "13:30:00"))
    assert number > 10
    assert set(states) == {states[-1]}
