"""The registry in the data bucket; the decisions of tests/unit/evergreen/release run on it too."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from evergreen.clock import utc_now
from evergreen.errors import RegistryError
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.writer import CHALLENGER, Registry
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

MODEL = "fruit"


@pytest.fixture
def storage(aws: Account) -> Storage:
    return aws.storage()


@pytest.fixture
def registry(storage: Storage) -> Registry:
    return Registry(BucketTracking(storage, utc_now))


def test_a_run_keeps_its_tags_parameters_metrics_and_files(
    registry: Registry, storage: Storage, tmp_path: Path
) -> None:
    run = registry.start_run(MODEL, "ds-1", {"code": "a1"})
    registry.log_params(run, {"depth": 3, "text": "x" * 600})
    registry.log_metrics(run, {"f1": 0.5}, NOW)
    registry.log_metrics(run, {"f1": 0.6, "auc": 0.7}, NOW)
    registry.note(run, {"note": "größer"})
    (tmp_path / "in" / "deep").mkdir(parents=True)
    (tmp_path / "in" / "deep" / "file.bin").write_bytes(b"\x00\xff")
    registry.upload(run, tmp_path / "in", "model")
    registry.end_run(run)
    assert registry.notes(run) == {"code": "a1", "note": "größer"}
    content = storage.get_json(f"registry/{MODEL}/runs/{run}/run.json")
    assert content["metrics"] == {"f1": 0.6, "auc": 0.7}
    assert content["params"] == {"depth": "3", "text": "x" * 500}
    assert content["status"] == "FINISHED"
    got = registry.download(run, "model", tmp_path / "out")
    assert (got / "deep" / "file.bin").read_bytes() == b"\x00\xff"
    assert registry.artifact_uri(run, "model/deep/file.bin") == (
        f"s3://{storage.bucket}/registry/{MODEL}/runs/{run}/artifacts/model/deep/file.bin"
    )
    with pytest.raises(RegistryError, match="no artifact 'mod'"):
        registry.download(run, "mod", tmp_path / "none")


def test_the_newest_finished_run_of_these_tags_is_found(storage: Storage) -> None:
    moments = iter(NOW + timedelta(minutes=number) for number in range(100))
    registry = Registry(BucketTracking(storage, lambda: next(moments)))
    wanted = {"dataset_id": "ds-1", "code": "a1"}
    first, second = (registry.start_run(MODEL, "ds-1", wanted) for _ in range(2))
    other = registry.start_run(MODEL, "ds-1", {**wanted, "code": "b2"})
    failed, running = (registry.start_run(MODEL, "ds-1", wanted) for _ in range(2))
    for run in (second, other, first):
        registry.end_run(run)
    registry.end_run(failed, failed=True)
    assert registry.finished_run(MODEL, wanted) == second
    assert registry.finished_run(MODEL, {"dataset_id": "ds-2"}) is None
    assert registry.finished_run("cake", wanted) is None
    assert registry.open_runs(MODEL, NOW + timedelta(hours=1)) == [running]
    assert registry.open_runs(MODEL, NOW) == []


def test_versions_are_numbered_without_a_gap_and_in_order(registry: Registry) -> None:
    runs = [registry.start_run(MODEL, "training", {}) for _ in range(11)]
    assert [registry.register(MODEL, run, "ds") for run in runs] == [str(n) for n in range(1, 12)]
    assert registry.register(MODEL, runs[4], "ds") == "5"
    assert [each.version for each in registry.versions(MODEL)] == [str(n) for n in range(1, 12)]
    assert registry.with_alias(MODEL, CHALLENGER) == "5"
    assert registry.versions("cake") == []
    assert registry.with_alias("cake", CHALLENGER) is None
    with pytest.raises(RegistryError, match=r"no such version\. Versions there are: 1, 2, 3, "):
        registry.find(MODEL, "12")
    with pytest.raises(RegistryError, match=r"no such version\. Versions there are: none"):
        registry.find("cake", "first")


def test_two_that_register_at_once_get_two_versions(storage: Storage) -> None:
    tracking = BucketTracking(storage, utc_now)
    list_before = storage.list

    class Late:
        """A bucket whose listing is older than the other's registration."""

        def __getattr__(self, name: str) -> object:
            return getattr(storage, name)

        def list(self, prefix: str) -> list[object]:
            seen = [*list_before(prefix)]
            if prefix.endswith("versions/") and not seen:
                tracking.create_model_version(MODEL, "", f"{MODEL}-a", {})
            return [*seen]

    late = BucketTracking(Late(), utc_now)  # type: ignore[arg-type]
    made = late.create_model_version(MODEL, "", f"{MODEL}-b", {})
    assert made.version == "2"
    assert [each.run_id for each in tracking.search_model_versions(f"name='{MODEL}'")] == [
        f"{MODEL}-a",
        f"{MODEL}-b",
    ]


def test_a_change_that_came_in_between_is_not_lost(storage: Storage) -> None:
    tracking = BucketTracking(storage, utc_now)
    run = tracking.create_run(MODEL, "ds", {}).info.run_id
    interfered: list[str] = []

    class Slow:
        def __getattr__(self, name: str) -> object:
            return getattr(storage, name)

        def put_if_unchanged(self, key: str, body: bytes, etag: str) -> bool:
            if not interfered:
                interfered.append(key)
                tracking.set_tag(run, "other", "1")
            return storage.put_if_unchanged(key, body, etag)

    BucketTracking(Slow(), utc_now).set_tag(run, "own", "2")  # type: ignore[arg-type]
    assert tracking.get_run(run).data.tags == {"other": "1", "own": "2"}


def test_an_alias_never_names_a_version_that_is_not_there(registry: Registry) -> None:
    registry.register(MODEL, registry.start_run(MODEL, "training", {}), "ds")
    with pytest.raises(RegistryError, match="no such entry"):
        registry.set_production(MODEL, "7", None)
    assert registry.with_alias(MODEL, CHALLENGER) == "1"


def test_a_name_that_leaves_its_folder_is_not_written(
    registry: Registry, storage: Storage, tmp_path: Path
) -> None:
    run = registry.start_run(MODEL, "training", {})
    storage.put(f"registry/{MODEL}/runs/{run}/artifacts/model/../../x", json.dumps(1).encode())
    with pytest.raises(RegistryError, match="leaves its folder"):
        registry.download(run, "model", tmp_path)
    assert not (tmp_path.parent / "x").exists()
