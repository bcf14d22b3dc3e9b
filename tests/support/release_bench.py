"""Decisions about a model in one process: AWS by moto, and a registry of either kind.

It is the one in the data bucket, or MLflow's own store of files, which needs no database and no
server. MLflow keeps that store in maintenance only; the integration tests make the same decisions
on its server.
"""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlflow.tracking import MlflowClient

from evergreen.bundle.content import Bundle, Signature
from evergreen.bundle.store import save_bundle
from evergreen.clock import to_text, utc_now
from evergreen.datasets.manifest import folder_key
from evergreen.evaluation.comparison import Comparison
from evergreen.events import Events
from evergreen.production import ProductionPointer, ShadowSlot
from evergreen.registry.bucket import BucketTracking
from evergreen.registry.places import REGISTRY_PREFIX
from evergreen.registry.writer import CHALLENGER, CHAMPION, PREVIOUS, Registry
from evergreen.release.context import ReleaseContext, pointers_of
from evergreen.release.decision_log import DecisionRecord, decision_key, read_decision_records
from tests.support.aws_in_process import intercepted
from tests.support.fixed_clock import NOW
from tests.support.killed import Killed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from tests.support.aws_in_process import Account

MODEL = "fruit"
BUS = "bus"
REGISTRIES = ["mlflow", "bucket"]
_WRITES = (("s3", "PutObject"), ("s3", "DeleteObjects"), ("ssm", "PutParameter"))
_SIGNATURE = Signature(task="classification", target="ripe", features=())


@dataclass
class ReleaseBench:
    """The clients of a decision, and what they have written."""

    aws: Account
    mlflow: MlflowClient | BucketTracking
    put_events: list[Mapping[str, Any]]
    now: datetime = NOW

    @property
    def context(self) -> ReleaseContext:
        return ReleaseContext(
            storage=self.aws.storage(),
            production=self.aws.production(),
            registry=Registry(self.mlflow),
            events=Events(BUS, self.aws.client("events")),
            clock=lambda: self.now,
        )

    def challenger(self, dataset_id: str, *, bundle: bool = True) -> str:
        """Register a challenger with its data set and its bundle, and return its version."""
        context = self.context
        run_id = context.registry.start_run(MODEL, "training", {})
        version = context.registry.register(MODEL, run_id, dataset_id)
        context.storage.put(folder_key(MODEL, dataset_id) + "data.parquet", b"rows")
        if bundle:
            made = Bundle(version, _SIGNATURE, f"model {version}".encode())
            stored = save_bundle(context.storage, MODEL, made)
            context.registry.attach_bundle(MODEL, version, *stored)
        return version

    def run_of(self, version: str) -> str:
        """Return the id of the run that trained a version."""
        return str(self.mlflow.get_model_version(MODEL, version).run_id)

    def cast_shadow(self, version: str) -> None:
        """Put a challenger into the shadow slot."""
        found = self.context.registry.find(MODEL, version)
        slot = ShadowSlot(
            version=version,
            bundle_uri=found.bundle_uri,
            sha256=found.bundle_sha256,
            started_at=self.now,
        )
        assert self.context.production.set_shadow(MODEL, slot)

    def records(self) -> list[DecisionRecord]:
        """Return the records of all decisions, the oldest first."""
        return read_decision_records(self.context.storage, MODEL)

    def pointer(self) -> ProductionPointer:
        """Return the production pointer, which must be there."""
        found = self.context.production.read(MODEL)
        assert found is not None
        return found

    def keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the data bucket below a prefix, without the registry's."""
        keys = [item.key for item in self.context.storage.list(prefix)]
        return [key for key in keys if not key.startswith(REGISTRY_PREFIX)]

    def events(self) -> list[dict[str, Any]]:
        """Return the events that were sent, with their detail as an object."""
        entries = [entry for call in self.put_events for entry in call["Entries"]]
        return [{**entry, "Detail": json.loads(entry["Detail"])} for entry in entries]

    def state(self) -> dict[str, Any]:
        """Return everything that decisions leave behind, the ids of runs replaced by versions.

        An event that was sent twice counts once.
        """
        context = self.context
        versions = [item.version for item in context.registry.versions(MODEL)]
        pointer = context.production.read(MODEL)
        runs = {version: self.mlflow.get_run(self.run_of(version)) for version in versions}
        decisions = self.keys("decisions/")
        sent = {json.dumps(event, sort_keys=True): event for event in self.events()}
        found = {
            "pointer": pointer and pointer.model_dump(mode="json"),
            "history": [item.version for item in pointers_of(context, MODEL)],
            "versions": {
                version: self.mlflow.get_model_version(MODEL, version).tags for version in versions
            },
            "runs": {version: run.data.tags for version, run in runs.items()},
            "aliases": {
                alias: context.registry.with_alias(MODEL, alias)
                for alias in (CHAMPION, CHALLENGER, PREVIOUS)
            },
            "keys": self.keys(),
            "decisions": [context.storage.get_json(key) for key in decisions],
            "events": [*sent.values()],
        }
        text = json.dumps(found)
        for version, run in runs.items():
            text = text.replace(run.info.run_id, f"the run of {version}")
        state: dict[str, Any] = json.loads(text)
        return state

    @contextmanager
    def killed_before_write(self, number: int) -> Iterator[ReleaseBench]:
        """Give a bench whose process ends before its n-th write, counted from zero."""
        left = number

        def write(_: object = None) -> None:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1

        with ExitStack() as stack:
            for service, operation in (*_WRITES, ("events", "PutEvents")):
                client = self.aws.client(service)
                stack.enter_context(intercepted(client, operation, write))
            if isinstance(self.mlflow, BucketTracking):
                yield self  # it writes to S3, which is counted already
                return
            mlflow: Any = _Counted(self.mlflow, write)
            yield replace(self, mlflow=mlflow)


class _Counted:
    """A proxy of an MLflow client that tells when the client is about to write."""

    def __init__(self, client: MlflowClient, write: Callable[[], None]) -> None:
        self._client = client
        self._write = write

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if not name.startswith(("set_", "delete_", "create_")):
            return method

        def call(*args: Any, **kwargs: Any) -> Any:
            self._write()
            return method(*args, **kwargs)

        return call


@contextmanager
def open_release_bench(
    aws: Account, folder: Path, registry: str = "mlflow"
) -> Iterator[ReleaseBench]:
    """Give a bench in an empty account, with a registry in an empty folder or in the bucket."""
    uri = folder.as_uri()
    events = aws.client("events")
    events.create_event_bus(Name=BUS)
    storage = aws.storage()
    tracking = BucketTracking(storage, utc_now) if registry == "bucket" else MlflowClient(uri, uri)
    with intercepted(events, "PutEvents") as calls:
        yield ReleaseBench(aws, tracking, calls)


def comparison(
    decision: Any = "promote", champion: str | None = None, **changes: Any
) -> Comparison:
    """Return a comparison with a champion, or with nothing."""
    beaten = champion is not None
    found = Comparison(
        decision=decision,
        metric="f1",
        metric_champion=0.5 if beaten else None,
        metric_challenger=0.6,
        probability_better=0.97 if beaten else None,
        interval=(0.01, 0.2) if beaten else None,
        rows=200,
        reason="the numbers say so",
        champion=champion,
    )
    return found.model_copy(update=changes)


def assert_told(bench: ReleaseBench, made: DecisionRecord, kind: str) -> None:
    """Check the newest event of a decision, and the links from run and version to its record."""
    uri = bench.context.storage.uri(decision_key(made))
    assert made.comparison is not None
    assert bench.events()[-1] == {
        "Source": "evergreen",
        "DetailType": kind,
        "EventBusName": BUS,
        "Detail": {
            **made.comparison.model_dump(mode="json"),
            "schema_version": 1,
            "model": MODEL,
            "challenger": made.challenger,
            "champion": made.champion,
            "decision": made.decision,
            "decided_at": to_text(made.decided_at),
            "reason": made.reason,
            "execution": made.execution,
            "dataset_id": made.dataset_id,
            "run_id": made.run_id,
            "decision_record": uri,
        },
    }
    links = {
        "decision": made.decision,
        "decision_record": uri,
        "dataset_uri": bench.context.storage.uri(folder_key(MODEL, made.dataset_id)),
    }
    version = bench.mlflow.get_model_version(MODEL, made.challenger)
    run = bench.mlflow.get_run(made.run_id)
    assert version.tags | links == version.tags
    assert run.data.tags | links | {"model_version": made.challenger} == run.data.tags
