"""Rollbacks, killed at every step, on a real S3, Parameter Store, EventBridge and MLflow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from evergreen.bundle.store import delete_bundle, load_bundle
from evergreen.datasets.store import delete_dataset, load_dataset
from evergreen.errors import BundleError, EvergreenError, NoProductionModelError, RegistryError
from evergreen.registry.writer import CHALLENGER, CHAMPION, PREVIOUS
from evergreen.release.history import UNRECORDED, read_release_history
from evergreen.release.promotion import promote, reject
from evergreen.release.rollback import roll_back
from tests.support.killed import Killed
from tests.support.retraining_bench import Bench, comparison, interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.production import ProductionPointer

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


def promote_new(bench: Bench, *seeds: int) -> list[str]:
    versions: list[str] = []
    for seed in seeds:
        version = bench.challenger(seed=seed).version
        evidence = comparison("promote", 0.5 if versions else None)
        promote(bench.context, bench.definition.name, version, evidence)
        versions.append(version)
    return versions


def pointer_of(bench: Bench) -> ProductionPointer:
    pointer = bench.context.production.read(bench.definition.name)
    assert pointer is not None
    return pointer


# The unit tests kill a rollback before each of its writes. Here it is one in each service.
STEPS = [
    ("events", "put", True, 1),
    ("mlflow", "set_registered_model_alias", True, 1),
]


@pytest.mark.parametrize(("part", "method", "after", "call"), STEPS)
def test_a_rollback_killed_at_any_step_is_finished_by_the_next(
    bench: Bench, part: str, method: str, after: bool, call: int
) -> None:
    name = bench.definition.name
    first, second = promote_new(bench, 1, 2)
    assert len(bench.read_events()) == 2

    with pytest.raises(Killed):
        roll_back(interrupt(bench, part, method, after=after, call=call), name, "it errs")
    assert len(bench.context.registry.in_stage(name)) <= 1
    record = roll_back(bench.context, name, "it errs")

    pointer = pointer_of(bench)
    assert (pointer.version, pointer.previous, pointer.rolled_back) == (first, second, True)
    assert pointer.metric == 0.6
    assert load_bundle(bench.context.storage, pointer).version == first
    assert load_dataset(bench.context.storage, name, pointer.reference_dataset_id).num_rows == 400
    assert [item.version for item in bench.context.production.history(name)] == [
        first,
        second,
        first,
    ]
    registry = bench.context.registry
    assert registry.in_stage(name) == [first]
    assert registry.with_alias(name, CHAMPION) == first
    assert registry.with_alias(name, PREVIOUS) == second
    assert registry.with_alias(name, CHALLENGER) is None
    assert bench.records()[2:] == [record]
    assert (record.decision, record.reason) == ("roll_back", "it errs")
    assert (record.challenger, record.champion) == (first, second)
    events = bench.read_events()
    assert {event["detail-type"] for event in events} == {"Model Rolled Back"}
    assert {event["detail"]["challenger"] for event in events} == {first}
    run = bench.mlflow.get_run(record.run_id)
    assert run.data.tags["decision"] == "roll_back"
    assert run.data.tags["decision_record"].endswith(f"-{first}.json")


@pytest.mark.parametrize("method", ["search_model_versions", "get_model_version"])
def test_production_goes_back_before_mlflow_is_asked_for_anything(
    bench: Bench, method: str
) -> None:
    first, _ = promote_new(bench, 1, 2)
    with pytest.raises(Killed):
        roll_back(interrupt(bench, "mlflow", method, after=False), bench.definition.name, "it errs")
    assert pointer_of(bench).version == first


def test_the_history_tells_who_replaced_whom_recorded_or_not(bench: Bench) -> None:
    name, context = bench.definition.name, bench.context
    first, second = promote_new(bench, 1, 2)
    third = bench.challenger(seed=3).version
    reject(context, name, third, comparison("reject"))
    with pytest.raises(Killed):
        roll_back(interrupt(bench, "production", "write", after=True), name, "it errs")
    turns = read_release_history(context.storage, context.production, name)
    assert [(turn.decision, turn.version, turn.against) for turn in turns] == [
        ("promote", first, None),
        ("promote", second, first),
        ("reject", third, second),
        ("roll_back", first, second),
    ]
    assert [turn.metric_against for turn in turns] == [None, 0.5, 0.5, None]
    assert [turn.metric_version for turn in turns] == [0.6, 0.6, 0.6, None]
    assert (turns[-1].reason, turns[-1].record) == (UNRECORDED, None)
    roll_back(context, name, "it errs")
    turns = read_release_history(context.storage, context.production, name)
    assert [turn.reason for turn in turns[-2:]] == ["because the test says so", "it errs"]
    assert all(turn.record and context.storage.uri("decisions/") in turn.record for turn in turns)


def test_a_rollback_given_twice_goes_back_once(bench: Bench) -> None:
    name = bench.definition.name
    first, second = promote_new(bench, 1, 2)
    bench.read_events()
    record = roll_back(bench.context, name, "it errs")
    pointer = pointer_of(bench)
    assert len(bench.read_events()) == 1
    assert roll_back(bench.context, name, "another reason") == record
    assert roll_back(bench.context, name, "another reason", to=first) == record
    assert pointer_of(bench) == pointer
    assert bench.records()[2:] == [record]
    assert bench.read_events() == []
    forward = roll_back(bench.context, name, "it was not the model", to=second)
    assert (forward.challenger, forward.champion) == (second, first)
    assert pointer_of(bench).version == second


def test_production_goes_back_to_any_version_that_was_there(bench: Bench) -> None:
    name = bench.definition.name
    first, _, third = promote_new(bench, 1, 2, 3)
    record = roll_back(bench.context, name, "two bad ones", to=first)
    assert (record.challenger, record.champion) == (first, third)
    newest = bench.challenger(seed=4).version
    promote(bench.context, name, newest, comparison("promote"))
    back = roll_back(bench.context, name, "bad again")
    assert (back.challenger, back.champion) == (first, newest)


def test_a_version_taken_out_does_not_come_back_by_the_promotion_run_again(bench: Bench) -> None:
    name = bench.definition.name
    first, second = promote_new(bench, 1, 2)
    roll_back(bench.context, name, "it errs")
    with pytest.raises(RegistryError, match=f"rollback {name} --to {second}"):
        promote(bench.context, name, second, comparison("promote"))
    assert pointer_of(bench).version == first
    with pytest.raises(RegistryError, match="was in production"):
        reject(bench.context, name, second, comparison("reject"))


def test_a_version_that_parameter_store_has_forgotten_is_found_by_its_decision(
    bench: Bench, clients: Callable[[str], Any]
) -> None:
    name, production = bench.definition.name, bench.context.production
    first, second = promote_new(bench, 1, 2)
    pointer = pointer_of(bench)
    clients("ssm").delete_parameter(Name=production.parameter(name))
    production.write(name, pointer)
    with pytest.raises(RegistryError, match="was in production"):
        reject(bench.context, name, first, comparison("reject"))
    with pytest.raises(RegistryError, match="was in production before"):
        promote(bench.context, name, first, comparison("promote"))
    roll_back(bench.context, name, "it errs", to=first)
    assert (pointer_of(bench).version, pointer_of(bench).previous) == (first, second)


def test_there_must_be_something_to_go_back_to(bench: Bench) -> None:
    name = bench.definition.name
    with pytest.raises(NoProductionModelError, match="no version is in production"):
        roll_back(bench.context, name, "why not")
    (first,) = promote_new(bench, 1)
    with pytest.raises(NoProductionModelError, match="before version 1"):
        roll_back(bench.context, name, "why not")
    with pytest.raises(RegistryError, match="is in production now"):
        roll_back(bench.context, name, "why not", to=first)
    other = bench.challenger(seed=2).version
    with pytest.raises(RegistryError, match=r"never in production.*that were: none"):
        roll_back(bench.context, name, "why not", to=other)
    assert pointer_of(bench).version == first


def test_what_it_would_stand_on_must_be_whole(bench: Bench) -> None:
    name, storage = bench.definition.name, bench.context.storage
    first, second = promote_new(bench, 1, 2)
    dataset = bench.context.registry.find(name, first).dataset_id
    delete_dataset(storage, name, dataset)
    with pytest.raises(EvergreenError, match="data set not found"):
        roll_back(bench.context, name, "it errs")
    delete_bundle(storage, name, first)
    with pytest.raises(BundleError):
        roll_back(bench.context, name, "it errs")
    assert pointer_of(bench).version == second
    assert len(bench.records()) == 2
    assert bench.context.registry.in_stage(name) == [second]
