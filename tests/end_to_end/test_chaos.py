"""Everything fails at once, and no answered row is lost or doubled.

The real prediction function runs on LocalStack. Its processes are killed, Firehose and S3 refuse or
lie, compactions are killed, and the clients ask again until they are answered. `make chaos` does
the same with 10,000 requests.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from cdk.constructs.building.assets import archive
from cdk.constructs.building.function_code import build_function
from cdk.constructs.building.layers import LIBRARY, build_layer
from cli.shared.target import Target
from evergreen.capture.request_log import request_log_landing_prefix
from evergreen.clock import utc_now
from evergreen.lake.catalog import open_catalog
from evergreen.lake.reader import Lake
from evergreen.production import Production
from evergreen.storage import Storage
from tests.support.faulty_proxy import Faults, faulty_proxy
from tests.support.gateway_events import event
from tests.support.trained_models import DEFINITION, ROW, TOML, promote

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from local.stack import Stack

REQUESTS = int(os.environ.get("CHAOS_REQUESTS", "1000"))
CLIENTS = 4
ATTEMPTS = 30
LARGE = 1000
"""Rows of a large request: with its note it fills more than one Firehose record."""
NOTE = "x" * 900
ROLE = "arn:aws:iam::000000000000:role/chaos"

# A process of its own, so that it can be killed at any point. It loads no more than a compaction
# needs: it is started often, and the function's processes want the same cores.
COMPACT = """
import os, sys
from pathlib import Path
import boto3
from evergreen.lake.catalog import open_catalog
from evergreen.lake.compaction import compact
from evergreen.model_definition import find_definition
from evergreen.storage import Storage
storage = Storage(sys.argv[1], boto3.client("s3"))
print("ready", flush=True)
catalog = open_catalog(os.environ["EVERGREEN_LAKE_CATALOG"], storage, sys.argv[1])
definition = find_definition(Path(sys.argv[2]), sys.argv[3])
report = compact(storage, catalog, definition, include_open=True)
assert not report.failures, report.failures
"""


@dataclass
class Tally:
    """What happened, for the assertion and for people."""

    answered: dict[str, int] = field(default_factory=dict)
    """Rows of each answered request, by its id."""
    attempts: Counter[str] = field(default_factory=Counter)
    given_up: int = 0
    processes_killed: int = 0
    compactions_killed: int = 0


class World:
    """The prediction function on the emulator, behind a proxy that fails calls."""

    def __init__(self, target: Target, folder: Path) -> None:
        self.target = target
        self.name = f"chaos-{uuid.uuid4().hex[:12]}"
        self.storage = Storage(self.name, target.client("s3"))
        self.tally = Tally()
        self.over = threading.Event()
        models = folder / "models" / DEFINITION.name
        models.mkdir(parents=True)
        (models / "model.toml").write_text(TOML)
        self._models = models.parent

    def deploy(self, endpoint: str) -> None:
        target = self.target
        target.client("s3").create_bucket(Bucket=self.name)
        for table in ("requests", "labels"):
            prefix = request_log_landing_prefix(DEFINITION.name)
            target.client("firehose").create_delivery_stream(
                DeliveryStreamName=f"{self.name}-{table}",
                ExtendedS3DestinationConfiguration={
                    "RoleARN": ROLE,
                    "BucketARN": f"arn:aws:s3:::{self.name}",
                    "Prefix": prefix if table == "requests" else "labels/",
                    "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 2},
                },
            )
        promote(self.storage, Production(self.name, target.client("ssm")))
        functions = target.client("lambda")
        functions.create_function(
            FunctionName=self.name,
            Runtime="python3.13",
            Role=ROLE,
            Handler="functions.predict.handler.handler",
            Code={"ZipFile": archive(build_function("predict", self._models)).read_bytes()},
            Layers=[self._layer("inference"), self._layer(LIBRARY)],
            Timeout=29,
            MemorySize=1769,
            Environment={
                "Variables": {
                    "AWS_ENDPOINT_URL": endpoint,
                    "EVERGREEN_STAGE": self.name,
                    "EVERGREEN_BUCKET": self.name,
                    "EVERGREEN_VERSION": "1.2.3",
                    "EVERGREEN_MODEL": DEFINITION.name,
                    "EVERGREEN_REQUEST_STREAM": f"{self.name}-requests",
                    "EVERGREEN_LABEL_STREAM": f"{self.name}-labels",
                }
            },
        )
        functions.get_waiter("function_active_v2").wait(FunctionName=self.name)

    def _layer(self, name: str) -> str:
        key = f"layers/{name}.zip"
        self.storage.put(key, archive(build_layer(name)).read_bytes())
        made = self.target.client("lambda").publish_layer_version(
            LayerName=f"{self.name}-{name}", Content={"S3Bucket": self.name, "S3Key": key}
        )
        return str(made["LayerVersionArn"])

    def ask(self, numbers: Iterator[int]) -> None:
        """Be one client: send requests, each until it is answered."""
        limits = Config(read_timeout=60, retries={"total_max_attempts": 1})
        functions = self.target.client("lambda", limits)
        for number in numbers:
            dice = random.Random(number)
            large = number % 50 == 7
            size = LARGE if large else dice.randint(1, 20)
            rows = [{**ROW, "stops": dice.randint(0, 40)} for _ in range(size)]
            body = {"instances": rows, "metadata": {"number": number, "note": NOTE * large}}
            call = json.dumps(event("POST", f"/models/{DEFINITION.name}/predict", body))
            for _ in range(ATTEMPTS):
                if self._call(functions, call, size):
                    break
                time.sleep(dice.uniform(0, 0.2))
            else:
                self.tally.given_up += 1

    def _call(self, functions: Any, call: str, size: int) -> bool:
        try:
            answer = functions.invoke(FunctionName=self.name, Payload=call)
        except (BotoCoreError, ClientError):
            self.tally.attempts["no answer"] += 1
            return False
        payload = answer["Payload"].read()
        if "FunctionError" in answer or not payload:  # killed before it answered
            self.tally.attempts["function died"] += 1
            return False
        content = json.loads(payload)
        self.tally.attempts[str(content["statusCode"])] += 1
        if content["statusCode"] != 200:
            assert content["statusCode"] == 503, content
            return False
        self.tally.answered[json.loads(content["body"])["request_id"]] = size
        return True

    def kill_functions(self) -> None:
        """Kill one of the function's processes after every few answers."""
        mark = f"AWS_LAMBDA_FUNCTION_NAME={self.name}".encode()
        for dice in self._after_answers(30, 80, seed=1):
            running = []
            for folder in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if mark in (folder / "environ").read_bytes().split(b"\0"):
                        running.append(int(folder.name))
            if running:
                with suppress(ProcessLookupError):
                    os.kill(dice.choice(running), signal.SIGKILL)
                    self.tally.processes_killed += 1

    def kill_compactions(self) -> None:
        """Start a compaction now and then, and kill each of them at some point."""
        for dice in self._after_answers(100, 200, seed=2):
            process = self._start_compaction()
            assert process.stdout
            process.stdout.readline()
            time.sleep(dice.uniform(0, 1))
            self.tally.compactions_killed += process.poll() is None
            process.kill()
            process.communicate()

    def _after_answers(self, least: int, most: int, seed: int) -> Iterator[random.Random]:
        """Yield whenever so many more requests are answered: a slow machine has no more faults."""
        dice = random.Random(seed)
        following = dice.randint(0, least)
        while not self.over.wait(0.05):
            if len(self.tally.answered) >= following:
                yield dice
                following = len(self.tally.answered) + dice.randint(least, most)

    def compact(self) -> None:
        """Compact once more, to the end."""
        process = self._start_compaction()
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()

    def _start_compaction(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", COMPACT, self.name, str(self._models), DEFINITION.name],
            env={**os.environ, "PYTHONPATH": ":".join(sys.path), **self.target.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def _readable(world: World, began: Any) -> Counter[tuple[str, int]]:
    catalog = open_catalog(world.target.lake_catalog, world.storage, world.name)
    lake = Lake(world.storage, catalog)
    table = lake.predictions(DEFINITION, began, utc_now(), ["model_output"])
    keys = zip(table["request_id"].to_pylist(), table["row"].to_pylist(), strict=True)
    return Counter(keys)


def _wait_until_flushed(world: World) -> None:
    """Wait until no new object has landed for longer than Firehose collects."""
    prefix = request_log_landing_prefix(DEFINITION.name)
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 5:
        landed = len(list(world.storage.list(prefix)))
        if landed != seen:
            seen, since = landed, time.monotonic()
        time.sleep(0.5)


def test_no_answered_row_is_lost_or_doubled(
    local_stack: Stack, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = World(Target.local(local_stack), tmp_path)
    began, times = utc_now(), [time.monotonic()]
    endpoint = world.target.environment["AWS_ENDPOINT_URL"]
    with faulty_proxy(endpoint, Faults()) as proxy, ThreadPoolExecutor(CLIENTS + 2) as pool:
        world.deploy(proxy.url)
        times.append(time.monotonic())
        shares = [iter(range(first, REQUESTS, CLIENTS)) for first in range(CLIENTS)]
        clients = [pool.submit(world.ask, share) for share in shares]
        others = [pool.submit(work) for work in (world.kill_functions, world.kill_compactions)]
        try:
            for client in clients:
                client.result()
        finally:
            world.over.set()
        for other in others:
            other.result()
        times.append(time.monotonic())
        _wait_until_flushed(world)
    before = _readable(world, began)
    world.compact()
    after = _readable(world, began)

    times.append(time.monotonic())
    deployed, asked, read = (later - earlier for earlier, later in pairwise(times))

    tally = world.tally
    wanted = {(one, row) for one, rows in tally.answered.items() for row in range(rows)}
    lost, doubled = wanted - after.keys(), sum(after.values()) - len(after)
    with capsys.disabled():
        print(  # noqa: T201 - the tally is wanted
            f"\nchaos: deployed in {deployed:.0f} s, {REQUESTS:,} requests in {asked:.0f} s, "
            f"compacted and read in {read:.0f} s; "
            f"{len(wanted):,} rows answered; attempts {dict(tally.attempts)}; "
            f"faults {dict(proxy.count)}; killed: {tally.processes_killed} function processes, "
            f"{tally.compactions_killed} compactions; lost {len(lost)}, doubled {doubled}; "
            f"{len(after.keys() - wanted):,} rows of unanswered attempts are in the log too"
        )
    assert lost == set()
    assert doubled == 0
    assert before == after  # a compaction changes nothing
    assert (len(tally.answered), tally.given_up) == (REQUESTS, 0)
    # All of it really happened.
    assert {"throttled", "partial", "unanswered", "refused"} <= proxy.count.keys()
    assert tally.processes_killed
    assert tally.compactions_killed
