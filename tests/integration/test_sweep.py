"""Leftovers of rejections and killed trainings: a search for orphans finds none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.clock import to_text, utc_now
from evergreen.production import ShadowSlot
from evergreen.registry.writer import CHALLENGER
from evergreen.release.promotion import promote, reject
from evergreen.release.retraining_lock import lock_key, read_lock
from evergreen.release.rollback import roll_back
from evergreen.repair.consistency import find_inconsistencies
from evergreen.repair.orphans import ABANDONED, Orphan, find_orphans, remove_orphan
from tests.support.killed import Killed
from tests.support.retraining_bench import Bench, comparison, interrupt

if TYPE_CHECKING:
    from collections.abc import Callable

    from evergreen.release.context import ReleaseContext

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

NO_GRACE = timedelta(0)

_UNRECORDED = " without a decision record"
_UNMIRRORED = ", but MLflow shows another state"


def nothing_runs(_: str) -> bool:
    return False


def orphans(
    bench: Bench, *, is_running: Callable[[str], bool] = nothing_runs, grace: timedelta = NO_GRACE
) -> list[Orphan]:
    return find_orphans(later(bench), bench.definition.name, is_running=is_running, grace=grace)


def later(bench: Bench) -> ReleaseContext:
    """Return the release context one second later, because S3 stores whole seconds."""
    return replace(bench.context, clock=lambda: utc_now() + timedelta(seconds=1))


def found(bench: Bench) -> list[str]:
    return [
        finding.what
        for finding in find_inconsistencies(
            later(bench), bench.definition.name, is_running=nothing_runs, grace=NO_GRACE
        )
    ]


def repair(bench: Bench) -> list[str]:
    findings = find_inconsistencies(
        later(bench), bench.definition.name, is_running=nothing_runs, grace=NO_GRACE
    )
    for finding in findings:
        finding.repair()
    return [finding.what for finding in findings]


def judged(bench: Bench, seed: int) -> str:
    """Train a challenger and log a comparison to its run, as an evaluation does."""
    version = bench.challenger(seed=seed).version
    registered = bench.context.registry.find(bench.definition.name, version)
    bench.context.registry.log_comparison(registered, comparison("reject"), utc_now())
    return version


def test_whole_promotions_rejections_and_rollbacks_leave_no_orphan(bench: Bench) -> None:
    name = bench.definition.name
    first = bench.challenger(seed=1)
    promote(bench.context, name, first.version, comparison("promote", None))
    for seed in (2, 3):
        reject(bench.context, name, judged(bench, seed), comparison("reject"))
    promote(bench.context, name, bench.challenger(seed=4).version, comparison("promote"))
    roll_back(bench.context, name, "it errs")
    assert orphans(bench) == []
    assert found(bench) == []
    kept = {item.key.split("/")[2] for item in bench.context.storage.list(f"bundles/{name}/")}
    assert kept == {"1", "4"}
    assert len(list(bench.context.storage.list(f"datasets/{name}/"))) == 4


@pytest.mark.parametrize(
    ("part", "method", "call", "kinds"),
    [
        ("mlflow", "log_batch", 1, {"data set", "run"}),
        ("mlflow", "log_artifacts", 1, {"data set", "run"}),
        ("mlflow", "create_model_version", 1, {"version"}),
        ("storage", "put", 3, {"version"}),
        ("mlflow", "set_model_version_tag", 1, {"version"}),
    ],
)
def test_a_training_killed_midway_is_swept(
    bench: Bench, part: str, method: str, call: int, kinds: set[str]
) -> None:
    name = bench.definition.name
    promote(bench.context, name, bench.challenger(seed=1).version, comparison("promote", None))
    manifest = bench.dataset(seed=2)
    killed = replace(bench, context=interrupt(bench, part, method, after=True, call=call))
    with pytest.raises(Killed):
        killed.train(manifest)

    assert {each.kind for each in orphans(bench)} == kinds
    assert orphans(bench, grace=timedelta(hours=1)) == []
    for orphan in orphans(bench):
        remove_orphan(bench.context, orphan)
        remove_orphan(bench.context, orphan)
    # Only this version used the data set, so the rejection deleted the data set too.
    assert orphans(bench) == []
    assert len(list(bench.context.storage.list(f"datasets/{name}/"))) == 2
    assert bench.context.registry.with_alias(name, CHALLENGER) is None
    if "version" in kinds:
        record = bench.records()[-1]
        assert (record.decision, record.reason, record.comparison) == ("reject", ABANDONED, None)


def test_what_a_running_retraining_works_on_is_left_to_it(bench: Bench) -> None:
    name, storage = bench.definition.name, bench.context.storage
    promote(bench.context, name, bench.challenger(seed=1).version, comparison("promote", None))
    # At the end of a second: S3 then rounds the time of the next object down to before it.
    taken_at = utc_now().replace(microsecond=999_999)
    storage.put_json(lock_key(name), {"owner": "arn:1", "taken_at": to_text(taken_at)})
    bench.dataset(seed=3)
    bench.challenger(seed=2)
    assert orphans(bench, is_running=lambda owner: owner == "arn:1") == []
    assert {each.kind for each in orphans(bench)} == {"version", "data set"}


def test_bundles_and_data_sets_of_no_version_are_orphans(bench: Bench) -> None:
    name, storage = bench.definition.name, bench.context.storage
    storage.put(f"bundles/{name}/77/model.onnx", b"x")
    manifest = bench.dataset(seed=1)
    assert orphans(bench) == [
        Orphan("bundle", name, "77"),
        Orphan("data set", name, manifest.dataset_id),
    ]
    assert sorted(repair(bench)) == [
        "bundle 77 belongs to no version that may serve",
        f"data set {manifest.dataset_id} belongs to no version that may serve",
    ]
    assert list(storage.list("")) == []


@pytest.mark.parametrize(
    ("what", "part", "method", "call", "expected"),
    [
        ("promote", "production", "write", 1, _UNRECORDED),
        ("promote", "mlflow", "set_registered_model_alias", 1, _UNRECORDED),
        ("promote", "storage", "put_json", 1, ", but its decision was not announced"),
        ("promote", "events", "put", 1, ", but its decision was not announced"),
        # A rollback needs nothing but the pointer, so MLflow comes last.
        ("roll_back", "production", "write", 1, _UNRECORDED),
        ("roll_back", "events", "put", 1, _UNRECORDED),
        ("roll_back", "storage", "put_json", 1, _UNMIRRORED),
        (
            "roll_back",
            "mlflow",
            "set_registered_model_alias",
            1,
            ", but MLflow shows another state",
        ),
    ],
)
def test_the_doctor_completes_what_moved_production(
    bench: Bench, what: str, part: str, method: str, call: int, expected: str
) -> None:
    name = bench.definition.name
    first, second = bench.challenger(seed=1).version, judged(bench, seed=2)
    promote(bench.context, name, first, comparison("promote", None))
    if what == "roll_back":
        promote(bench.context, name, second, comparison("promote"))
    context = interrupt(bench, part, method, after=True, call=call)
    steps: dict[str, Callable[[], object]] = {
        "promote": lambda: promote(context, name, second, comparison("promote")),
        "roll_back": lambda: roll_back(context, name, "it errs"),
    }
    with pytest.raises(Killed):
        steps[what]()
    serving = second if what == "promote" else first
    assert found(bench) == [f"version {serving} is in production{expected}"]
    repair(bench)
    assert found(bench) == []
    assert bench.context.registry.in_stage(name) == [serving]
    record = bench.records()[-1]
    assert (record.decision, record.challenger) == (what, serving)
    if what == "promote":
        assert record.comparison is not None  # read from the run or from the decision record
    titles = [event["detail-type"] for event in bench.read_events()]
    assert titles[-1] == ("Model Promoted" if what == "promote" else "Model Rolled Back")


def test_the_doctor_sees_an_mlflow_that_shows_something_else(bench: Bench) -> None:
    name = bench.definition.name
    first, second = bench.challenger(seed=1).version, bench.challenger(seed=2).version
    promote(bench.context, name, first, comparison("promote", None))
    promote(bench.context, name, second, comparison("promote"))
    bench.read_events()
    bench.mlflow.set_model_version_tag(name, first, "stage", "prod")
    assert found(bench) == [f"version {second} is in production, but MLflow shows another state"]
    repair(bench)
    assert found(bench) == []
    assert bench.context.registry.in_stage(name) == [second]
    assert bench.read_events() == []


@pytest.mark.parametrize(
    ("part", "method", "call"),
    [
        ("mlflow", "set_model_version_tag", 3),
        ("storage", "delete_below", 1),
        ("storage", "put_json", 1),
        ("events", "put", 1),
    ],
)
def test_the_doctor_completes_a_rejection(bench: Bench, part: str, method: str, call: int) -> None:
    name = bench.definition.name
    promote(bench.context, name, bench.challenger(seed=1).version, comparison("promote", None))
    version = judged(bench, seed=2)
    with pytest.raises(Killed):
        reject(
            interrupt(bench, part, method, after=True, call=call),
            name,
            version,
            comparison("reject"),
        )
    assert f"the rejection of version {version} was interrupted" in found(bench)
    repair(bench)
    assert found(bench) == []
    [_, record] = bench.records()
    assert (record.decision, record.challenger) == ("reject", version)
    assert record.comparison == comparison("reject")


def test_the_doctor_frees_a_lock_and_a_shadow_slot_whose_execution_has_ended(bench: Bench) -> None:
    name, context = bench.definition.name, bench.context
    promote(context, name, bench.challenger(seed=1).version, comparison("promote", None))
    version = bench.challenger(seed=2).version
    registered = context.registry.find(name, version)
    slot = ShadowSlot(
        version=version,
        bundle_uri=registered.bundle_uri,
        sha256=registered.bundle_sha256,
        started_at=utc_now(),
        owner="arn:1",
    )
    context.production.set_shadow(name, slot)
    context.storage.put_json(
        lock_key(name), {"owner": "arn:1", "taken_at": to_text(datetime(2026, 1, 1, tzinfo=UTC))}
    )
    running = find_inconsistencies(later(bench), name, is_running=lambda _: True, grace=NO_GRACE)
    assert running == []
    assert repair(bench) == [
        "the lock is held by arn:1, which no longer runs",
        f"the shadow slot holds version {version}, put there by arn:1, which no longer runs",
        f"version {version} has no decision",
    ]
    assert found(bench) == []
    assert read_lock(context.storage, name) is None
    pointer = context.production.read(name)
    assert pointer is not None
    assert pointer.shadow is None


def test_a_version_that_failed_is_no_interrupted_rejection(bench: Bench) -> None:
    name = bench.definition.name
    version = bench.challenger(seed=1).version
    bench.context.registry.archive(name, version, "not finished: no room", utc_now())
    assert {each.kind for each in orphans(bench)} == {"bundle", "data set"}
    repair(bench)
    assert found(bench) == []
    assert bench.records() == []
