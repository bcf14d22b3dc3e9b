"""Promotions and rejections, killed at every step, on a real S3, Parameter Store and MLflow."""

from __future__ import annotations

import pytest

from evergreen.bundle.store import load_bundle
from evergreen.clock import utc_now
from evergreen.datasets.manifest import folder_key
from evergreen.datasets.store import load_dataset
from evergreen.errors import BundleError, OutdatedComparisonError, RegistryError
from evergreen.production import ShadowSlot
from evergreen.registry.writer import CHALLENGER, CHAMPION, PREVIOUS
from evergreen.release.decision_log import DecisionRecord, decision_key
from evergreen.release.promotion import promote, reject
from evergreen.release.rollback import roll_back
from tests.support.killed import Killed
from tests.support.retraining_bench import Bench, comparison, interrupt

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")


# The unit tests kill a decision before each of its writes. Here it is a write to AWS and one to
# MLflow's server.
PROMOTION_STEPS = [
    ("production", "write", True, 1),
    ("mlflow", "set_model_version_tag", False, 4),
]


@pytest.mark.parametrize(("part", "method", "after", "call"), PROMOTION_STEPS)
def test_a_promotion_killed_at_any_step_is_finished_by_the_next(
    bench: Bench, part: str, method: str, after: bool, call: int
) -> None:
    name = bench.definition.name
    first, second = bench.challenger(seed=1), bench.challenger(seed=2)
    promote(bench.context, name, first.version, comparison("promote", None))
    assert [event["detail-type"] for event in bench.read_events()] == ["Model Promoted"]

    with pytest.raises(Killed):
        promote(
            interrupt(bench, part, method, after=after, call=call),
            name,
            second.version,
            comparison("promote"),
        )
    assert len(bench.context.registry.in_stage(name)) <= 1
    record = promote(bench.context, name, second.version, comparison("promote"))

    pointer = bench.context.production.read(name)
    assert pointer is not None
    assert (pointer.version, pointer.previous) == (second.version, first.version)
    assert load_bundle(bench.context.storage, pointer).version == second.version
    assert [item.version for item in bench.context.production.history(name)] == ["1", "2"]
    registry = bench.context.registry
    assert registry.in_stage(name) == [second.version]
    assert registry.with_alias(name, CHAMPION) == second.version
    assert registry.with_alias(name, PREVIOUS) == first.version
    assert registry.with_alias(name, CHALLENGER) is None
    assert bench.records()[1:] == [record]
    events = bench.read_events()
    assert events
    assert {event["detail"]["challenger"] for event in events} == {second.version}
    assert_linked(bench, record)


def assert_linked(bench: Bench, record: DecisionRecord) -> None:
    """Check that decision record, version, run and data set name each other."""
    uri = bench.context.storage.uri(decision_key(record))
    run = bench.mlflow.get_run(record.run_id)
    version = bench.mlflow.get_model_version(record.model, record.challenger)
    folder = bench.context.storage.uri(folder_key(record.model, record.dataset_id))
    for tags in (run.data.tags, version.tags):
        assert tags["decision"] == record.decision
        assert tags["decision_record"] == uri
        assert tags["dataset_id"] == record.dataset_id
        assert tags["dataset_uri"] == folder
    assert run.data.tags["model_version"] == record.challenger
    assert version.run_id == record.run_id


def test_a_promotion_without_a_whole_bundle_changes_nothing(bench: Bench) -> None:
    name = bench.definition.name
    challenger = bench.challenger(seed=1)
    bench.context.storage.put(f"bundles/{name}/{challenger.version}/model.onnx", b"something else")
    with pytest.raises(BundleError):
        promote(bench.context, name, challenger.version, comparison("promote", None))
    assert bench.context.production.read(name) is None
    assert bench.context.registry.in_stage(name) == []
    assert bench.records() == []


def test_a_challenger_that_beat_a_version_no_longer_there_is_not_promoted(bench: Bench) -> None:
    name = bench.definition.name
    first, second, third = (bench.challenger(seed=seed).version for seed in (1, 2, 3))
    promote(bench.context, name, first, comparison("promote", None))
    promote(bench.context, name, second, comparison("promote"))
    judged = comparison("promote").model_copy(update={"champion": second})
    roll_back(bench.context, name, "it errs")
    with pytest.raises(OutdatedComparisonError, match=f"version {second}, and version {first} is"):
        promote(bench.context, name, third, judged)
    assert bench.context.registry.in_stage(name) == [first]
    against_first = judged.model_copy(update={"champion": first})
    assert promote(bench.context, name, third, against_first).champion == first
    # Interrupted after the pointer was written, the same call finishes it.
    assert promote(bench.context, name, third, against_first).challenger == third


def test_a_challenger_that_was_compared_with_nothing_does_not_replace_what_came_meanwhile(
    bench: Bench,
) -> None:
    name = bench.definition.name
    by_hand, judged = (bench.challenger(seed=seed).version for seed in (1, 2))
    promote(bench.context, name, by_hand, None, reason="put there by hand")
    with pytest.raises(OutdatedComparisonError, match=f"with no version, and version {by_hand} is"):
        promote(bench.context, name, judged, comparison("promote", None))
    assert bench.context.registry.in_stage(name) == [by_hand]


REJECTION_STEPS = [
    ("mlflow", "delete_registered_model_alias", True, 1),
    ("storage", "delete_below", True, 1),
]


@pytest.mark.parametrize(("part", "method", "after", "call"), REJECTION_STEPS)
def test_a_rejection_killed_at_any_step_is_finished_by_the_next(
    bench: Bench, part: str, method: str, after: bool, call: int
) -> None:
    name, storage = bench.definition.name, bench.context.storage
    first, second = bench.challenger(seed=1), bench.challenger(seed=2)
    promote(bench.context, name, first.version, comparison("promote", None))
    before = {item.key for item in storage.list("datasets/")}

    with pytest.raises(Killed):
        reject(
            interrupt(bench, part, method, after=after, call=call),
            name,
            second.version,
            comparison("reject"),
        )
    record = reject(bench.context, name, second.version, comparison("reject"))

    left = {item.key for item in storage.list("datasets/")}
    dataset = bench.context.registry.find(name, second.version).dataset_id
    gone = {folder_key(name, dataset) + file for file in ("data.parquet", "manifest.json")}
    assert left == before - gone
    assert len(left) == 2
    assert list(storage.list(f"bundles/{name}/{second.version}/")) == []
    assert list(storage.list(f"bundles/{name}/{first.version}/"))
    version = bench.mlflow.get_model_version(name, second.version)
    assert version.tags["stage"] == "archived"
    assert version.tags["archived_reason"] == record.reason
    assert bench.context.registry.with_alias(name, CHALLENGER) is None
    assert bench.context.registry.in_stage(name) == [first.version]
    assert bench.records()[1:] == [record]
    assert_linked(bench, record)


def test_what_is_finished_is_not_told_again(bench: Bench) -> None:
    name = bench.definition.name
    first, second = bench.challenger(seed=1), bench.challenger(seed=2)
    promote(bench.context, name, first.version, comparison("promote", None))
    reject(bench.context, name, second.version, comparison("reject"))
    assert len(bench.read_events()) == 2
    promote(bench.context, name, first.version, comparison("promote", None))
    reject(bench.context, name, second.version, comparison("reject"))
    assert bench.read_events() == []


def test_a_rejection_empties_the_shadow_slot_and_a_promotion_does_too(bench: Bench) -> None:
    name, production = bench.definition.name, bench.context.production
    first, second, third = (bench.challenger(seed=seed) for seed in (1, 2, 3))
    promote(bench.context, name, first.version, comparison("promote", None))

    def cast_shadow(version: str) -> None:
        found = bench.context.registry.find(name, version)
        slot = ShadowSlot(
            version=version,
            bundle_uri=found.bundle_uri,
            sha256=found.bundle_sha256,
            started_at=utc_now(),
        )
        assert production.set_shadow(name, slot)

    def shadow() -> str | None:
        pointer = production.read(name)
        assert pointer is not None
        return pointer.shadow.version if pointer.shadow else None

    cast_shadow(third.version)
    reject(bench.context, name, second.version, comparison("reject"))
    assert shadow() == third.version
    reject(bench.context, name, third.version, comparison("reject"))
    assert shadow() is None
    fourth = bench.challenger(seed=4)
    cast_shadow(fourth.version)
    promote(bench.context, name, fourth.version, comparison("promote"))
    assert shadow() is None


def test_a_rejection_spares_the_data_set_of_another_challenger(bench: Bench) -> None:
    name, storage = bench.definition.name, bench.context.storage
    first = bench.challenger(seed=1)
    promote(bench.context, name, first.version, comparison("promote", None))
    manifest = bench.dataset(seed=2)
    second, third = bench.train(manifest), bench.train(manifest)
    reject(bench.context, name, second.version, comparison("reject"))
    assert load_dataset(storage, name, manifest.dataset_id).num_rows == 400
    reject(bench.context, name, third.version, comparison("reject"))
    assert list(storage.list(folder_key(name, manifest.dataset_id))) == []


def test_a_rejection_spares_what_production_stands_on(bench: Bench) -> None:
    name, storage = bench.definition.name, bench.context.storage
    manifest = bench.dataset(seed=1)
    first, second = bench.train(manifest), bench.train(manifest)
    promote(bench.context, name, first.version, comparison("promote", None))
    reject(bench.context, name, second.version, comparison("reject"))
    assert load_dataset(storage, name, manifest.dataset_id).num_rows == 400
    with pytest.raises(RegistryError, match="in production"):
        reject(bench.context, name, first.version, comparison("reject"))
