"""A backup has every pointer, and puts it back with what it names, also into a new bucket."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cli.shared.pointer_backup import (
    delete_pointers,
    read_backup,
    restore_pointer,
    take_backup,
    write_backup,
)
from cli.shared.target import Target
from evergreen.bundle.content import Bundle, Signature, TrainedFeature
from evergreen.bundle.store import load_bundle, save_bundle
from evergreen.datasets.manifest import DatasetManifest, folder_key
from evergreen.errors import BundleError, EvergreenError
from evergreen.production import ProductionPointer, ShadowSlot
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from pathlib import Path

    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

BUNDLE = Bundle(
    "7",
    Signature(task="regression", target="y", features=(TrainedFeature(name="a", type="float"),)),
    b"onnx",
)
DATASET = DatasetManifest(
    dataset_id="ds-1",
    model="m",
    rows=2,
    train_rows=1,
    holdout_rows=1,
    sources=("file",),
    first_timestamp=NOW,
    last_timestamp=NOW,
    data_until=NOW,
    log_from=NOW,
    class_balance=None,
    sha256="0",
    created_at=NOW,
)


@pytest.fixture
def target(aws: Account, monkeypatch: pytest.MonkeyPatch) -> Target:
    monkeypatch.setattr(Target, "client", lambda _, service: aws.client(service))
    monkeypatch.setattr(Target, "storage", aws.storage())
    return Target("dev", {})


def in_production(aws: Account, storage: Storage, model: str = "m") -> ProductionPointer:
    uri, sha256 = save_bundle(storage, model, BUNDLE)
    manifest = DATASET.model_copy(update={"model": model})
    storage.put(folder_key(model, "ds-1") + "manifest.json", manifest.model_dump_json().encode())
    pointer = ProductionPointer(
        version="7", bundle_uri=uri, sha256=sha256, reference_dataset_id="ds-1", promoted_at=NOW
    )
    aws.production().write(model, pointer)
    return pointer


def test_what_was_written_is_put_back(aws: Account, target: Target, tmp_path: Path) -> None:
    pointers = {model: in_production(aws, target.storage, model) for model in ("a", "m")}
    slot = ShadowSlot(version="8", bundle_uri="s3://x/", sha256="0", started_at=NOW)
    aws.production().set_shadow("m", slot)
    aws.ssm.put_parameter(Name="/evergreen/prod/a/production", Value="other", Type="String")
    file = tmp_path / "folder" / "backup.json"
    write_backup(take_backup(target), file)

    found = read_backup(file)
    assert (found.stage, found.bucket, found.pointers) == ("dev", target.storage.bucket, pointers)

    delete_pointers(target, found.pointers)
    assert aws.production().read("m") is None
    assert restore_pointer(target, "m", found.pointers["m"], lambda _: None)
    assert aws.production().read("m") == pointers["m"]
    assert not restore_pointer(target, "m", found.pointers["m"], lambda _: None)


def test_a_bundle_of_a_destroyed_deployment_is_copied(aws: Account, target: Target) -> None:
    pointer = in_production(aws, aws.storage("before"))
    aws.storage("before").put("registry/m/versions/00000007.json", b"{}")
    told: list[str] = []
    assert restore_pointer(target, "m", pointer, told.append)
    now = aws.production().read("m")
    assert now is not None
    assert now.bundle_uri == "s3://data/bundles/m/7/"
    assert load_bundle(target.storage, now) == BUNDLE
    assert target.storage.get("registry/m/versions/00000007.json") == b"{}"
    assert [text.split()[0] for text in told] == ["1", "1", "3"]
    assert not restore_pointer(target, "m", pointer, told.append)


def test_a_bundle_that_is_gone_or_altered_leaves_the_pointer_alone(
    aws: Account, target: Target
) -> None:
    pointer = in_production(aws, target.storage)
    target.storage.put("bundles/m/7/model.onnx", b"altered")
    before = datetime(2026, 1, 1, tzinfo=UTC)
    other = pointer.model_copy(update={"promoted_at": before})
    with pytest.raises(BundleError, match="SHA-256"):
        restore_pointer(target, "m", other, lambda _: None)
    assert aws.production().read("m") == pointer


@pytest.mark.parametrize(
    ("text", "said"), [(None, "no such file"), ("{", "not a backup"), ("{}", "stage")]
)
def test_a_file_that_is_no_backup_is_refused(tmp_path: Path, text: str | None, said: str) -> None:
    file = tmp_path / "backup.json"
    if text is not None:
        file.write_text(text)
    with pytest.raises(EvergreenError, match=said):
        read_backup(file)
