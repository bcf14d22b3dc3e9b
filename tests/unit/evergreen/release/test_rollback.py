"""A rollback needs the bucket and the pointer; everything else follows."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.datasets.manifest import folder_key
from evergreen.errors import BundleError, NoProductionModelError, RegistryError
from evergreen.release.context import ReleaseContext, RollbackContext
from evergreen.release.decision_log import decision_key, read_decision_records
from evergreen.release.history import read_release_history
from evergreen.release.promotion import promote, reject
from evergreen.release.rollback import mirror_rollback, move_back, roll_back
from tests.support.aws_in_process import account, failing, refusal
from tests.support.fixed_clock import NOW
from tests.support.killed import Killed
from tests.support.release_bench import (
    MODEL,
    REGISTRIES,
    ReleaseBench,
    comparison,
    open_release_bench,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.aws_in_process import Account

LATER = NOW + timedelta(hours=1)


@pytest.fixture(params=REGISTRIES)
def bench(
    aws: Account,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[ReleaseBench]:
    # The bench's data sets have no rows that could be read.
    monkeypatch.setattr("evergreen.release.rollback._check_reference", lambda *_: None)
    with open_release_bench(aws, tmp_path, request.param) as opened:
        yield opened


def promoted(bench: ReleaseBench, count: int = 2) -> list[str]:
    versions: list[str] = []
    for number in range(1, count + 1):
        version = bench.challenger(f"ds-{number}")
        promote(
            bench.context, MODEL, version, comparison(champion=versions[-1] if versions else None)
        )
        bench.now += timedelta(minutes=1)
        versions.append(version)
    return versions


def alone(bench: ReleaseBench) -> RollbackContext:
    """Return the context of the rollback function: it has no registry."""
    context = bench.context
    return RollbackContext(
        **{field.name: getattr(context, field.name) for field in fields(RollbackContext)}
    )


def damage(bench: ReleaseBench) -> None:
    name = bench.context.production.parameter(MODEL)
    bench.aws.ssm.put_parameter(Name=name, Value="not JSON", Type="String", Overwrite=True)


def test_production_goes_back_without_a_registry_and_mlflow_follows(bench: ReleaseBench) -> None:
    first, second = promoted(bench)
    bench.now = LATER
    made = move_back(alone(bench), MODEL, "it errs")
    assert (bench.pointer().version, bench.pointer().previous) == (first, second)
    assert (made.challenger, made.champion, made.run_id) == (first, second, bench.run_of(first))
    assert read_decision_records(bench.context.storage, MODEL)[2:] == [made]
    event = bench.events()[-1]
    assert event["DetailType"] == "Model Rolled Back"
    uri = bench.context.storage.uri(decision_key(made))
    assert event["Detail"]["decision_record"] == uri
    assert bench.context.registry.in_stage(MODEL) == [second]

    mirror_rollback(bench.context, MODEL, first, made.dataset_id, uri)
    once = bench.state()
    assert once["aliases"] == {"champion": first, "challenger": None, "previous": second}
    assert bench.context.registry.in_stage(MODEL) == [first]
    tags = once["versions"][first]
    assert (tags["decision"], tags["decision_record"]) == ("roll_back", uri)
    assert tags["dataset_uri"] == bench.context.storage.uri(folder_key(MODEL, "ds-1"))
    mirror_rollback(bench.context, MODEL, first, made.dataset_id, uri)
    assert bench.state() == once


def test_a_late_mirror_shows_what_serves_by_then(bench: ReleaseBench) -> None:
    first, second = promoted(bench)
    made = move_back(alone(bench), MODEL, "it errs")
    roll_back(bench.context, MODEL, "it was not the model", to=second)
    uri = bench.context.storage.uri(decision_key(made))
    mirror_rollback(bench.context, MODEL, first, made.dataset_id, uri)
    assert bench.context.registry.in_stage(MODEL) == [second]


def test_production_is_back_even_if_no_event_can_be_sent(bench: ReleaseBench) -> None:
    first, _ = promoted(bench)
    bench.now = LATER
    events = bench.aws.client("events")
    with failing(events, refusal("InternalFailure")), pytest.raises(Exception, match="Internal"):
        move_back(alone(bench), MODEL, "it errs")
    assert bench.pointer().version == first
    made = move_back(alone(bench), MODEL, "it errs")
    assert (made.challenger, bench.events()[-1]["DetailType"]) == (first, "Model Rolled Back")


def test_a_rollback_made_twice_sends_one_event_and_keeps_its_reason(bench: ReleaseBench) -> None:
    promoted(bench)
    made = move_back(alone(bench), MODEL, "it errs")
    sent = len(bench.events())
    assert move_back(alone(bench), MODEL, "again") == made
    assert len(bench.events()) == sent


def test_a_damaged_pointer_is_replaced_by_the_last_valid_one(bench: ReleaseBench) -> None:
    first, second = promoted(bench)
    damage(bench)
    bench.now = LATER
    made = move_back(alone(bench), MODEL, "somebody wrote there")
    assert (bench.pointer().version, bench.pointer().previous) == (second, None)
    assert (made.challenger, made.champion, made.reason) == (second, None, "somebody wrote there")
    damage(bench)
    made = move_back(alone(bench), MODEL, "again", to=first)
    assert (bench.pointer().version, bench.pointer().previous) == (first, second)
    assert made.champion == second
    damage(bench)
    bench.now += timedelta(hours=1)
    assert move_back(alone(bench), MODEL, "again", to=first).champion is None
    assert bench.pointer().version == first


def test_decisions_and_history_read_past_a_damaged_pointer(bench: ReleaseBench) -> None:
    first, second = promoted(bench)
    third, fourth = bench.challenger("ds-3"), bench.challenger("ds-4")
    damage(bench)
    told = read_release_history(bench.context.storage, bench.context.production, MODEL)
    assert [entry.version for entry in told] == [first, second]
    rejected = reject(bench.context, MODEL, third, comparison("reject", champion=second))
    assert rejected.champion == second
    made = promote(bench.context, MODEL, fourth, comparison(champion=second))
    assert (made.challenger, made.champion) == (fourth, second)
    assert bench.pointer().version == fourth


def test_nothing_to_go_back_to_is_said(bench: ReleaseBench) -> None:
    with pytest.raises(NoProductionModelError, match="no version is in production"):
        move_back(alone(bench), MODEL, "why not")
    damage(bench)
    with pytest.raises(NoProductionModelError, match="no pointer is left"):
        move_back(alone(bench), MODEL, "why not")
    (first,) = promoted(bench, 1)
    with pytest.raises(RegistryError, match="is in production now"):
        move_back(alone(bench), MODEL, "why not", to=first)
    with pytest.raises(NoProductionModelError, match="before version 1"):
        move_back(alone(bench), MODEL, "why not")


def test_a_version_that_parameter_store_has_forgotten_comes_back_from_the_bucket(
    bench: ReleaseBench,
) -> None:
    first, second = promoted(bench)
    kept, former = bench.pointer(), bench.context.production.history(MODEL)[0]
    name = bench.context.production.parameter(MODEL)
    bench.aws.ssm.delete_parameter(Name=name)
    bench.context.production.write(MODEL, kept)
    bench.now = LATER
    move_back(alone(bench), MODEL, "it errs", to=first)
    changed = {"promoted_at": LATER, "previous": second, "rolled_back": True, "metric": None}
    assert bench.pointer() == former.model_copy(update=changed)


def test_a_forgotten_version_without_a_bundle_is_refused(bench: ReleaseBench) -> None:
    first, second = promoted(bench)
    kept = bench.pointer()
    bench.aws.ssm.delete_parameter(Name=bench.context.production.parameter(MODEL))
    bench.context.production.write(MODEL, kept)
    bench.context.storage.delete_below(f"bundles/{MODEL}/{first}/")
    with pytest.raises(BundleError, match="file not found"):
        move_back(alone(bench), MODEL, "it errs", to=first)
    assert bench.pointer().version == second


def test_a_context_of_a_release_can_roll_back() -> None:
    assert issubclass(ReleaseContext, RollbackContext)
    assert "registry" not in {field.name for field in fields(RollbackContext)}


def test_a_rollback_ended_before_any_of_its_writes_is_finished_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evergreen.release.rollback._check_reference", lambda *_: None)
    states: list[str] = []
    number, ended = 0, True
    while ended:
        with account() as aws, open_release_bench(aws, tmp_path / str(number)) as bench:
            first, _ = promoted(bench)
            bench.now = LATER
            with bench.killed_before_write(number) as mortal:
                try:
                    roll_back(mortal.context, MODEL, "it errs")
                    ended = False
                except Killed:
                    number += 1
            assert len(bench.context.registry.in_stage(MODEL)) <= 1
            bench.now = LATER + timedelta(hours=1)
            made = roll_back(bench.context, MODEL, "it errs")
            assert (made.challenger, bench.pointer().version) == (first, first)
            assert bench.records()[2:] == [made]
            # Where the first call had not committed, the time of the decision is the second's.
            states.append(str(bench.state()).replace("14:30:00", "13:30:00"))
    assert number > 8
    assert set(states) == {states[-1]}
