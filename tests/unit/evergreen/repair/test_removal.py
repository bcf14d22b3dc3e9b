"""A model that is removed leaves nothing, and takes nothing of another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evergreen.lake.catalog import GLUE, open_catalog
from evergreen.lake.compaction import compact
from evergreen.lake.tables import REQUEST_LOG
from evergreen.repair.removal import count_objects, places, remove_model_data
from tests.support.small_lake import DEFINITION, LATER, LONG_AGO, land

if TYPE_CHECKING:
    from tests.support.aws_in_process import Account

MODEL = DEFINITION.name
OTHER = f"{MODEL}2"


def test_nothing_of_the_model_is_left_and_all_of_the_other(aws: Account) -> None:
    storage = aws.storage()
    aws.s3.put_bucket_versioning(
        Bucket=storage.bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    catalog = open_catalog(GLUE, storage, "evergreen_test", aws.client("glue"))
    land(storage, "r1", "r1", LONG_AGO)
    compact(storage, catalog, DEFINITION, include_open=True, clock=lambda: LATER)
    assert catalog.load(REQUEST_LOG, MODEL) is not None
    for model in (MODEL, OTHER):
        for _, prefix in places(model):
            storage.put(f"{prefix}x" if prefix.endswith("/") else prefix, b"{}")
    kept = {prefix for _, prefix in places(OTHER)}

    counted = count_objects(storage, MODEL)
    assert counted.keys() == {what for what, _ in places(MODEL)}
    assert remove_model_data(storage, catalog, MODEL) == counted

    assert catalog.load(REQUEST_LOG, MODEL) is None
    left = {item.key for item in storage.list("")}
    assert left == {f"{prefix}x" if prefix.endswith("/") else prefix for prefix in kept}
    versions = aws.s3.list_object_versions(Bucket=storage.bucket)
    assert {each["Key"] for each in versions["Versions"]} == left
    assert "DeleteMarkers" not in versions
    assert remove_model_data(storage, catalog, MODEL) == {}
