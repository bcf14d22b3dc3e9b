"""A bundle comes back as it went in, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from evergreen.bundle.content import Bundle, Signature, TrainedFeature, VersionBundles
from evergreen.bundle.store import delete_bundle, load_bundle, load_bundles, save_bundle
from evergreen.errors import BundleError
from evergreen.production import ProductionPointer
from tests.support.fixed_clock import NOW

if TYPE_CHECKING:
    from evergreen.storage import Storage
    from tests.support.aws_in_process import Account

BUNDLE = Bundle(
    version="7",
    signature=Signature(
        task="regression",
        target="y",
        features=(TrainedFeature(name="a", type="float", min=-1.5, max=2),),
    ),
    model=b"onnx",
)


@pytest.fixture
def storage(aws: Account) -> Storage:
    return aws.storage()


@pytest.fixture
def pointer(storage: Storage) -> ProductionPointer:
    uri, sha256 = save_bundle(storage, "m", BUNDLE)
    return ProductionPointer(
        version="7",
        bundle_uri=uri,
        sha256=sha256,
        reference_dataset_id="ds-1",
        promoted_at=NOW,
    )


def test_what_was_saved_is_loaded(storage: Storage, pointer: ProductionPointer) -> None:
    assert pointer.bundle_uri == "s3://data/bundles/m/7/"
    assert load_bundle(storage, pointer) == BUNDLE


def test_saving_again_gives_the_same_hash(storage: Storage, pointer: ProductionPointer) -> None:
    assert save_bundle(storage, "m", BUNDLE) == (pointer.bundle_uri, pointer.sha256)


@pytest.mark.parametrize("name", ["model.onnx", "signature.json", "manifest.json"])
def test_an_altered_file_is_refused(
    storage: Storage, pointer: ProductionPointer, name: str
) -> None:
    key = f"bundles/m/7/{name}"
    storage.put(key, (storage.get(key) or b"") + b" ")
    with pytest.raises(BundleError, match="SHA-256"):
        load_bundle(storage, pointer)


@pytest.mark.parametrize("name", ["model.onnx", "signature.json", "manifest.json"])
def test_a_missing_file_is_refused(storage: Storage, pointer: ProductionPointer, name: str) -> None:
    storage.delete(f"bundles/m/7/{name}")
    with pytest.raises(BundleError, match=f"{name}: file not found"):
        load_bundle(storage, pointer)


@pytest.mark.parametrize(
    "uri", ["s3://other/bundles/m/7/", "s3://data/datasets/m/7/", "s3://data/bundles/m/7", "/etc/"]
)
def test_a_pointer_out_of_the_deployment_is_refused(
    storage: Storage, pointer: ProductionPointer, uri: str
) -> None:
    with pytest.raises(BundleError, match="not a bundle of this deployment"):
        load_bundle(storage, pointer.model_copy(update={"bundle_uri": uri}))


def test_another_versions_bundle_is_refused(storage: Storage, pointer: ProductionPointer) -> None:
    with pytest.raises(BundleError, match="not that of version 8"):
        load_bundle(storage, pointer.model_copy(update={"version": "8"}))


@pytest.mark.parametrize("version", ["", "../x", "a/b", "."])
def test_a_version_that_is_no_name_is_refused(storage: Storage, version: str) -> None:
    with pytest.raises(BundleError, match="is not a version"):
        delete_bundle(storage, "m", version)


def test_deleting_leaves_other_versions(storage: Storage, pointer: ProductionPointer) -> None:
    save_bundle(storage, "m", Bundle("70", BUNDLE.signature, b"other"))
    delete_bundle(storage, "m", "7")
    assert {each.key.rsplit("/", 1)[0] for each in storage.list("")} == {"bundles/m/70"}


def test_what_is_judged_is_kept_beside_what_serves(
    storage: Storage, pointer: ProductionPointer
) -> None:
    assert load_bundles(storage, pointer) == VersionBundles(BUNDLE, BUNDLE)
    judged = replace(BUNDLE, model=b"judged")
    uri, sha256 = save_bundle(storage, "m", BUNDLE, judged=judged, serves="fitted on all rows")
    both = pointer.model_copy(update={"bundle_uri": uri, "sha256": sha256})
    assert load_bundle(storage, both) == BUNDLE
    assert load_bundles(storage, both) == VersionBundles(BUNDLE, judged, "fitted on all rows")
    assert {item.key for item in storage.list("bundles/")} == {
        f"bundles/m/7/{name}"
        for name in (
            *("model.onnx", "signature.json", "manifest.json"),
            *("judged/model.onnx", "judged/signature.json"),
        )
    }
    storage.put("bundles/m/7/judged/model.onnx", b"altered")
    assert load_bundle(storage, both) == BUNDLE
    with pytest.raises(BundleError, match="SHA-256"):
        load_bundles(storage, both)
    delete_bundle(storage, "m", "7")
    assert list(storage.list("bundles/")) == []
