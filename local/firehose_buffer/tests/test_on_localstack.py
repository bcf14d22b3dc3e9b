"""In a real LocalStack: objects as the hints say, and nothing lost when it is killed."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

import pytest

from local.lambda_executor.tests.harness import ROLE, launch, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local.lambda_executor.tests.harness import Emulator

BUCKET = "landing"


class World:
    """A LocalStack with buffers, which may be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.emulator: Emulator
        self.start()

    def start(self) -> None:
        settings = {"EVERGREEN_FIREHOSE_BUFFER": str(self.folder / "buffer")}
        self.emulator = launch(self.folder, "firehose,s3,sts,iam", settings)
        self.firehose, self.s3 = map(self.emulator.client, ("firehose", "s3"))

    def create_bucket(self) -> None:
        self.s3.create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
        )

    def create_stream(self, name: str, megabytes: int, seconds: int) -> None:
        destination: Any = {
            "RoleARN": ROLE,
            "BucketARN": f"arn:aws:s3:::{BUCKET}",
            "Prefix": f"{name}/",
            "BufferingHints": {"SizeInMBs": megabytes, "IntervalInSeconds": seconds},
        }
        self.firehose.create_delivery_stream(
            DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination
        )

    def put(self, stream: str, *records: bytes) -> None:
        data = [{"Data": record} for record in records]
        answer = self.firehose.put_record_batch(DeliveryStreamName=stream, Records=data)
        assert answer["FailedPutCount"] == 0

    def objects(self, stream: str) -> dict[str, bytes]:
        found = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{stream}/").get("Contents", [])
        return {
            each["Key"]: self.s3.get_object(Bucket=BUCKET, Key=each["Key"])["Body"].read()
            for each in found
        }

    @property
    def left(self) -> int:
        return len(list((self.folder / "buffer").iterdir()))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = World(tmp_path_factory.mktemp("localstack"))
    made.create_bucket()
    try:
        yield made
    finally:
        made.emulator.stop(signal.SIGKILL)


def test_calls_of_one_interval_are_one_object(world: World) -> None:
    world.create_stream("quick", 1, 2)
    for number in range(20):
        world.put("quick", b"%d\n" % number, b"more\n")
    assert world.objects("quick") == {}
    [(key, body)] = wait_for(lambda: world.objects("quick"), "the flush").items()
    assert body == b"".join(b"%d\nmore\n" % number for number in range(20))
    time = r"(\d{4})/(\d\d)/(\d\d)/(\d\d)/quick-1-\1-\2-\3-\4-\d\d-\d\d-[0-9a-f]{32}"
    assert re.fullmatch(f"quick/{time}", key)


def test_a_full_buffer_is_an_object_without_waiting(world: World) -> None:
    world.create_stream("large", 1, 900)
    world.put("large", b"x" * 1000 * 1024)
    assert world.objects("large") == {}
    world.put("large", b"y" * 24 * 1024)
    world.put("large", b"z")
    [body] = wait_for(lambda: world.objects("large"), "the flush").values()
    assert body == b"x" * 1000 * 1024 + b"y" * 24 * 1024


def test_without_an_interval_a_call_is_an_object_when_it_is_answered(world: World) -> None:
    world.create_stream("at-once", 1, 0)
    world.put("at-once", b"1\n")
    world.put("at-once", b"2\n")
    assert sorted(world.objects("at-once").values()) == [b"1\n", b"2\n"]


def test_what_was_accepted_survives_a_kill_and_a_stop_leaves_nothing(world: World) -> None:
    world.create_stream("slow", 128, 900)
    for number in range(20):
        world.put("slow", b"%d\n" % number)
    assert world.left
    world.emulator.stop(signal.SIGKILL)
    world.start()
    world.create_bucket()  # LocalStack keeps its buckets in memory
    [body] = wait_for(lambda: world.objects("slow"), "the records of before").values()
    assert body == b"".join(b"%d\n" % number for number in range(20))
    world.create_stream("slow", 128, 900)
    world.put("slow", b"last\n")
    wait_for(lambda: world.left == 1, "the end of other flushes")
    world.emulator.stop(signal.SIGTERM)
    assert world.left == 0
