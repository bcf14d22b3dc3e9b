"""In a real LocalStack: what was answered before a kill is there after the next start."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from local.lambda_executor.tests.harness import launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.lambda_executor.tests.harness import Emulator

KEPT = "evergreen-dev-data"
POINTER = "/evergreen/dev/flights/production"
LARGE = bytes(range(256)) * 4096 * 6  # 6 MB: two parts, and more than LocalStack holds in memory


class World:
    """A LocalStack that keeps its state, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulator: Emulator
        self.start()

    def start(self) -> None:
        settings = {
            "EVERGREEN_KEPT_STATE": str(self.folder / "kept"),
            "EVERGREEN_KEPT_BUCKETS": "evergreen-*-data",
            "EVERGREEN_KEPT_PARAMETERS": "/evergreen/*",
        }
        self.emulator = launch(self.folder, "s3,ssm", settings)
        self.s3, self.ssm = map(self.emulator.client, ("s3", "ssm"))

    def restart(self, how: signal.Signals) -> None:
        self.emulator.stop(how)
        self.start()

    def create_bucket(self, name: str = KEPT, *, versions: bool = True) -> None:
        self.s3.create_bucket(
            Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )
        if versions:
            enabled: Any = {"Status": "Enabled"}
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=enabled)

    def put(self, key: str, body: bytes, bucket: str = KEPT, **options: Any) -> str:
        answer = self.s3.put_object(Bucket=bucket, Key=key, Body=body, **options)
        return str(answer.get("VersionId"))

    def get(self, key: str, **options: Any) -> bytes:
        body: bytes = self.s3.get_object(Bucket=KEPT, Key=key, **options)["Body"].read()
        return body

    def keys(self, bucket: str = KEPT) -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return [each["Key"] for each in listed]

    def point(self, value: str) -> None:
        self.ssm.put_parameter(Name=POINTER, Value=value, Type="String", Overwrite=True)

    @property
    def bodies(self) -> int:
        return len(list((self.folder / "kept" / "bodies").iterdir()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("localstack"))
    made.create_bucket()
    try:
        yield made
    finally:
        made.emulator.stop(signal.SIGKILL)


def test_what_was_answered_is_there_after_a_kill_and_after_a_stop(world: World) -> None:
    old = world.put("changed", b"old", Metadata={"colour": "green"}, ContentType="text/plain")
    world.put("changed", b"new")
    world.put("deleted", b"x")
    world.s3.delete_object(Bucket=KEPT, Key="deleted")
    gone = world.put("purged", b"x")
    world.s3.delete_object(Bucket=KEPT, Key="purged", VersionId=gone)
    upload = world.s3.create_multipart_upload(Bucket=KEPT, Key="large")["UploadId"]
    half = 5 * 1024**2
    parts = [
        {
            "PartNumber": number,
            "ETag": world.s3.upload_part(
                Bucket=KEPT, Key="large", UploadId=upload, PartNumber=number, Body=part
            )["ETag"],
        }
        for number, part in enumerate((LARGE[:half], LARGE[half:]), start=1)
    ]
    complete: Any = {"Parts": parts}
    world.s3.complete_multipart_upload(
        Bucket=KEPT, Key="large", UploadId=upload, MultipartUpload=complete
    )
    world.s3.copy_object(Bucket=KEPT, Key="copy", CopySource=f"{KEPT}/large")
    world.create_bucket("evergreen-dev-other")
    world.put("x", b"x", "evergreen-dev-other")
    for value in ("1", "2"):
        world.point(value)
    world.ssm.put_parameter(Name="/another", Value="x", Type="String")
    etag = world.s3.head_object(Bucket=KEPT, Key="large")["ETag"]

    for how in (signal.SIGKILL, signal.SIGTERM):
        world.restart(how)
        history = world.ssm.get_parameter_history(Name=POINTER)["Parameters"]
        assert [(each["Version"], each["Value"]) for each in history] == [(1, "1"), (2, "2")]
        with pytest.raises(ClientError, match="ParameterNotFound"):
            world.ssm.get_parameter(Name="/another")
        assert world.s3.list_buckets()["Buckets"] == []
        world.create_bucket()
        assert world.keys() == ["changed", "copy", "large"]
        assert world.get("changed") == b"new"
        found = world.s3.get_object(Bucket=KEPT, Key="changed", VersionId=old)
        assert found["Body"].read() == b"old"
        assert (found["Metadata"], found["ContentType"]) == ({"colour": "green"}, "text/plain")
        assert world.get("large") == world.get("copy") == LARGE
        assert world.get("large", Range="bytes=5-9") == LARGE[5:10]
        assert world.s3.head_object(Bucket=KEPT, Key="large")["ETag"] == etag
        listed = world.s3.list_object_versions(Bucket=KEPT)
        assert [each["Key"] for each in listed["DeleteMarkers"]] == ["deleted"]
        versions = [(each["Key"], each["IsLatest"]) for each in listed["Versions"]]
        assert sorted(versions) == [
            ("changed", False), ("changed", True), ("copy", True), ("deleted", False),
            ("large", True),
        ]  # fmt: skip
        with pytest.raises(ClientError, match="PreconditionFailed"):
            world.put("changed", b"no", IfNoneMatch="*")
        assert world.bodies == len(versions)
    world.point("3")
    assert world.ssm.get_parameter(Name=POINTER)["Parameter"]["Version"] == 3
    world.ssm.delete_parameter(Name=POINTER)
    for each in (*listed["Versions"], *listed["DeleteMarkers"]):
        world.s3.delete_object(Bucket=KEPT, Key=each["Key"], VersionId=each["VersionId"])
    assert world.bodies == 0
    world.s3.delete_bucket(Bucket=KEPT)
    world.create_bucket()


def test_a_kill_during_writes_loses_nothing_that_was_answered(world: World) -> None:
    answered: list[list[int]] = [[] for _ in range(4)]

    def write(number: int) -> None:
        while True:
            count = len(answered[number])
            try:
                world.put(f"{number}/{count:06}", b"%d" % count * 1000)
            except (ClientError, BotoCoreError):
                return
            answered[number].append(count)

    threads = [threading.Thread(target=write, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    while sum(map(len, answered)) < 200:
        threading.Event().wait(0.01)
    world.emulator.stop(signal.SIGKILL)
    for thread in threads:
        thread.join()
    world.start()
    world.create_bucket()
    for number, counts in enumerate(answered):
        for count in counts:
            assert world.get(f"{number}/{count:06}") == b"%d" % count * 1000
    # What was not answered is there or not, and of what was deleted before nothing is.
    assert world.bodies - sum(map(len, answered)) in range(5)
    with pytest.raises(ClientError, match="ParameterNotFound"):
        world.ssm.get_parameter(Name=POINTER)
