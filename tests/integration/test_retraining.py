"""One retraining through the library, on a real S3, Parameter Store, EventBridge and MLflow."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import numpy as np
import pyarrow as pa
import pytest
from mlflow.tracking import MlflowClient

from evergreen.bundle import load_bundle
from evergreen.clock import utc_now
from evergreen.dataset import (
    HOLDOUT,
    TRAIN,
    folder_key,
    read_dataset,
    read_manifest,
    rows_of,
    split_rows,
    to_columns,
    write_dataset,
)
from evergreen.dataset_building import build_dataset
from evergreen.errors import (
    BundleError,
    EvergreenError,
    NotEnoughDataError,
    RegistryError,
    RetrainingInProgressError,
)
from evergreen.evaluation import Comparison, compare
from evergreen.events import Events
from evergreen.model_definition import Evaluation, Feature, ModelDefinition, Retraining
from evergreen.prediction import Predictor
from evergreen.production import Production
from evergreen.promotion import DecisionRecord, Desk, candidate_pointer, promote, reject
from evergreen.registry import CHALLENGER, CHAMPION, PREVIOUS, Registry
from evergreen.retraining_lock import lock_key, take_lock
from evergreen.storage import Storage
from evergreen.training import train_challenger

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evergreen.dataset import DatasetManifest
    from evergreen.training import Challenger

# MLflow warns about its own type hints the first time that it saves a model.
pytestmark = pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning")

START = datetime(2026, 1, 1, tzinfo=UTC)
TRAINING = """
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder

def train(features, target):
    columns = ColumnTransformer([
        ("numbers", "passthrough", ["size"]),
        ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["colour"]),
    ])
    return Pipeline([("columns", columns), ("classifier", LogisticRegression())]).fit(
        features, target
    )
"""


@dataclass(frozen=True)
class Bench:
    """Clients of the stack, and a bucket, bus and model of this test's own."""

    desk: Desk
    mlflow: MlflowClient
    definition: ModelDefinition
    folder: Path
    read_events: Any

    def dataset(self, seed: int, rows: int = 400, *, flipped: bool = False) -> DatasetManifest:
        table = split_rows(self.definition, make_rows(seed, rows, flipped=flipped))
        return write_dataset(
            self.desk.storage,
            self.definition,
            table,
            sources=["made up"],
            data_until=START + timedelta(minutes=rows),
            clock=utc_now,
        )

    def train(self, manifest: DatasetManifest) -> Challenger:
        return train_challenger(
            self.definition,
            self.folder,
            manifest,
            read_dataset(self.desk.storage, self.definition.name, manifest.dataset_id),
            storage=self.desk.storage,
            registry=self.desk.registry,
            clock=utc_now,
        )

    def challenger(self, seed: int, *, flipped: bool = False) -> Challenger:
        return self.train(self.dataset(seed, flipped=flipped))

    def records(self) -> list[DecisionRecord]:
        prefix = f"decisions/model={self.definition.name}/"
        keys = [item.key for item in self.desk.storage.list(prefix)]
        return [DecisionRecord.model_validate(self.desk.storage.get_json(key)) for key in keys]


def make_rows(seed: int, rows: int, *, flipped: bool = False, start: datetime = START) -> pa.Table:
    random = np.random.default_rng(seed)
    size = random.normal(size=rows).astype(np.float32)
    ripe = (size + random.normal(scale=0.3, size=rows) > 0) ^ flipped
    return pa.table(
        {
            "size": size,
            "colour": random.choice(["red", "green", ""], size=rows),
            "ripe": ripe.astype(np.int64),
            "timestamp": pa.array(
                [start + timedelta(minutes=row) for row in range(rows)],
                type=pa.timestamp("us", tz="UTC"),
            ),
        }
    )


@pytest.fixture(scope="module")
def clients(local_stack: Any) -> Any:
    session = boto3.Session("test", "test", region_name="us-east-1")
    return lambda service: session.client(service, endpoint_url=local_stack.endpoint_url)


@pytest.fixture
def bench(local_stack: Any, clients: Any, tmp_path: Path) -> Iterator[Bench]:
    name = f"fruit_{uuid4().hex[:8]}"
    s3, events, sqs = clients("s3"), clients("events"), clients("sqs")
    bucket = name.replace("_", "-")
    s3.create_bucket(Bucket=bucket)
    events.create_event_bus(Name=bucket)
    queue = sqs.create_queue(QueueName=bucket)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
    pattern = json.dumps({"source": ["evergreen"]})
    events.put_rule(Name=bucket, EventBusName=bucket, EventPattern=pattern)
    events.put_targets(
        Rule=bucket, EventBusName=bucket, Targets=[{"Id": "queue", "Arn": arn["QueueArn"]}]
    )

    def read_events() -> list[dict[str, Any]]:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    folder = tmp_path / name
    folder.mkdir()
    (folder / "training.py").write_text(TRAINING)
    definition = ModelDefinition(
        name=name,
        task="classification",
        target="ripe",
        features={
            "size": Feature(type="float"),
            "colour": Feature(type="category", nullable=True),
        },
        evaluation=Evaluation(min_labelled_rows=20),
        retraining=Retraining(training_window_rows=300),
    )
    mlflow = MlflowClient(local_stack.mlflow_uri)
    storage = Storage(bucket, s3)
    yield Bench(
        desk=Desk(
            storage=storage,
            production=Production("test", clients("ssm")),
            registry=Registry(mlflow),
            events=Events(bucket, events),
            clock=utc_now,
        ),
        mlflow=mlflow,
        definition=definition,
        folder=folder,
        read_events=read_events,
    )
    sqs.delete_queue(QueueUrl=queue)
    events.remove_targets(Rule=bucket, EventBusName=bucket, Ids=["queue"])
    events.delete_rule(Name=bucket, EventBusName=bucket)
    events.delete_event_bus(Name=bucket)
    storage.delete_below("")
    s3.delete_bucket(Bucket=bucket)


def comparison(decision: Any, champion: float | None = 0.5) -> Comparison:
    return Comparison(
        decision=decision,
        metric="f1",
        metric_champion=champion,
        metric_challenger=0.6,
        probability_better=None if champion is None else 0.97,
        interval=None if champion is None else (0.01, 0.2),
        rows=200,
        reason="because the test says so",
    )


class Killed(BaseException):
    """The process ended here; nothing in the library may catch it."""


class Interrupted:
    """Stands before a real object and ends the process at the n-th call of one method."""

    def __init__(self, target: Any, method: str, *, after: bool, call: int = 1) -> None:
        self._target = target
        self._method = method
        self._after = after
        self._left = call

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._target, name)
        if name != self._method:
            return attribute

        def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Killed
            answer = attribute(*args, **kwargs)
            if self._left == 0:
                raise Killed
            return answer

        return call


def interrupt(bench: Bench, part: str, method: str, *, after: bool, call: int = 1) -> Desk:
    if part == "mlflow":
        client: Any = Interrupted(bench.mlflow, method, after=after, call=call)
        return replace(bench.desk, registry=Registry(client))
    inner = getattr(bench.desk, part)
    changed: dict[str, Any] = {part: Interrupted(inner, method, after=after, call=call)}
    return replace(bench.desk, **changed)


def test_a_data_set_comes_back_as_it_was_written_and_keeps_its_first_manifest(bench: Bench) -> None:
    storage, definition = bench.desk.storage, bench.definition
    manifest = bench.dataset(seed=1)
    table = read_dataset(storage, definition.name, manifest.dataset_id)
    assert table.num_rows == manifest.rows == 400
    assert (manifest.train_rows, manifest.holdout_rows) == (200, 200)
    original = make_rows(1, 400)
    assert table["size"].to_pylist() == original["size"].to_pylist()
    assert table["ripe"].to_pylist() == [str(label) for label in original["ripe"].to_pylist()]

    shuffled = split_rows(definition, original).take(np.random.default_rng(0).permutation(400))

    def write(data_until: datetime) -> DatasetManifest:
        return write_dataset(
            storage,
            definition,
            shuffled,
            sources=["elsewhere"],
            data_until=data_until,
            clock=utc_now,
        )

    assert write(manifest.data_until) == manifest
    later = write(manifest.data_until + timedelta(seconds=1))
    assert later.sha256 == manifest.sha256
    assert later.dataset_id != manifest.dataset_id


def test_an_altered_data_set_is_refused(bench: Bench) -> None:
    storage, name = bench.desk.storage, bench.definition.name
    manifest = bench.dataset(seed=1)
    key = folder_key(name, manifest.dataset_id) + "data.parquet"
    body = storage.get(key)
    assert body is not None
    storage.put(key, body[:-1] + b"!")
    with pytest.raises(EvergreenError, match="altered"):
        read_dataset(storage, name, manifest.dataset_id)
    with pytest.raises(EvergreenError, match="not found"):
        read_manifest(storage, name, "ds-0000000000000000")


class LabelledRows:
    """What the lake answers, from memory: the lake itself is tested elsewhere."""

    def __init__(self, table: pa.Table) -> None:
        columns = {name: table[name] for name in ("size", "colour", "timestamp")}
        times = table["timestamp"]
        self._table = pa.table(
            {
                **columns,
                "label": table["ripe"],
                "request_id": [f"r{number}" for number in range(table.num_rows)],
                "row": [0] * table.num_rows,
                "observed_at": times,
                "labelled_at": times,
            }
        )

    def labelled(self, _definition: ModelDefinition, start: datetime, end: datetime) -> pa.Table:
        times = self._table["timestamp"].to_pylist()
        return self._table.filter([start <= time < end for time in times])


def test_a_challenger_gets_the_champions_rows_and_is_judged_on_new_ones_only(bench: Bench) -> None:
    storage, definition = bench.desk.storage, bench.definition
    champion = bench.train(bench.dataset(seed=1))
    promote(bench.desk, definition.name, champion.version, comparison("promote", None))
    pointer = bench.desk.production.read(definition.name)
    assert pointer is not None
    fresh_from = START + timedelta(minutes=400)
    lake: Any = LabelledRows(make_rows(2, 100, start=fresh_from))

    manifest = build_dataset(storage, lake, definition, pointer, clock=utc_now)

    table = read_dataset(storage, definition.name, manifest.dataset_id)
    held_out = rows_of(table, HOLDOUT)["timestamp"].to_pylist()
    trained_on = rows_of(table, TRAIN)["timestamp"].to_pylist()
    assert held_out == [fresh_from + timedelta(minutes=row) for row in range(50, 100)]
    # The newest 300 of the champion's 400 rows and the 50 new ones that are not held out.
    assert trained_on == [START + timedelta(minutes=row) for row in range(150, 450)]
    assert manifest.data_until == held_out[-1] + timedelta(microseconds=1)

    few: Any = LabelledRows(make_rows(2, 19, start=fresh_from))
    with pytest.raises(NotEnoughDataError, match=r"19 labelled rows .* 20 are needed"):
        build_dataset(storage, few, definition, pointer, clock=utc_now)


def test_training_leaves_a_run_a_version_and_a_bundle_that_predicts(bench: Bench) -> None:
    manifest = bench.dataset(seed=1)
    challenger = bench.train(manifest)

    run = bench.mlflow.get_run(challenger.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params["dataset_id"] == manifest.dataset_id
    assert run.data.params["classifier__C"] == "1.0"
    assert 0.8 < run.data.metrics["holdout_f1"] <= 1
    files = [item.path for item in bench.mlflow.list_artifacts(challenger.run_id, "model")]
    assert "model/model.skops" in files
    assert not [path for path in files if path.endswith(".pkl")]

    registered = bench.desk.registry.find(bench.definition.name, challenger.version)
    assert registered.dataset_id == manifest.dataset_id
    pointer = candidate_pointer(registered, promoted_at=utc_now())
    bundle = load_bundle(bench.desk.storage, pointer)
    table = read_dataset(bench.desk.storage, bench.definition.name, manifest.dataset_id)
    outputs = Predictor(bundle).predict(to_columns(bench.definition, table)).outputs
    assert set(outputs) == {0, 1}
    assert bench.desk.registry.with_alias(bench.definition.name, CHALLENGER) == challenger.version


def test_a_training_that_fails_leaves_a_failed_run_and_no_version(bench: Bench) -> None:
    (bench.folder / "training.py").write_text("def train(features, target): raise ValueError('x')")
    with pytest.raises(ValueError, match="x"):
        bench.challenger(seed=1)
    experiment = bench.mlflow.get_experiment_by_name(bench.definition.name)
    assert experiment is not None
    (run,) = bench.mlflow.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED"
    assert not bench.mlflow.search_registered_models(f"name='{bench.definition.name}'")


def test_a_challenger_that_cannot_be_exported_is_archived_with_the_reason(bench: Bench) -> None:
    (bench.folder / "training.py").write_text(
        "from sklearn.dummy import DummyClassifier\n"
        "def train(features, target): return DummyClassifier().fit(features, target)"
    )
    with pytest.raises(BundleError):
        bench.challenger(seed=1)
    version = bench.mlflow.get_model_version(bench.definition.name, "1")
    assert version.tags["stage"] == "archived"
    assert "cannot be converted" in version.tags["archived_reason"]
    assert bench.desk.registry.with_alias(bench.definition.name, CHALLENGER) is None
    with pytest.raises(RegistryError, match="no bundle_uri"):
        bench.desk.registry.find(bench.definition.name, "1")


def test_the_better_model_wins_and_the_same_model_does_not(bench: Bench) -> None:
    old, new = bench.challenger(seed=1), bench.challenger(seed=2, flipped=True)
    manifest = bench.dataset(seed=3, flipped=True)
    table = read_dataset(bench.desk.storage, bench.definition.name, manifest.dataset_id)
    holdout = rows_of(table, HOLDOUT)
    better = compare(bench.definition, holdout, champion=old.bundle, challenger=new.bundle)
    assert better.decision == "promote"
    assert better.probability_better == 1.0
    same = compare(bench.definition, holdout, champion=new.bundle, challenger=new.bundle)
    assert same.decision == "reject"
    assert same.probability_better == 0.0
    worse = compare(bench.definition, holdout, champion=new.bundle, challenger=old.bundle)
    assert worse.decision == "reject"


PROMOTION_STEPS = [
    ("production", "write", False, 1),
    ("production", "write", True, 1),
    ("mlflow", "delete_model_version_tag", True, 1),
    ("mlflow", "set_model_version_tag", True, 1),
    ("mlflow", "set_registered_model_alias", True, 1),
    ("mlflow", "set_registered_model_alias", True, 2),
    ("mlflow", "delete_registered_model_alias", True, 1),
    ("storage", "put_json", False, 1),
    ("storage", "put_json", True, 1),
    ("events", "put", True, 1),
]


@pytest.mark.parametrize(("part", "method", "after", "call"), PROMOTION_STEPS)
def test_a_promotion_killed_at_any_step_is_finished_by_the_next(
    bench: Bench, part: str, method: str, after: bool, call: int
) -> None:
    name = bench.definition.name
    first, second = bench.challenger(seed=1), bench.challenger(seed=2)
    promote(bench.desk, name, first.version, comparison("promote", None))
    assert [event["detail-type"] for event in bench.read_events()] == ["Model Promoted"]

    with pytest.raises(Killed):
        promote(
            interrupt(bench, part, method, after=after, call=call),
            name,
            second.version,
            comparison("promote"),
        )
    assert len(bench.desk.registry.in_stage(name)) <= 1
    record = promote(bench.desk, name, second.version, comparison("promote"))

    pointer = bench.desk.production.read(name)
    assert pointer is not None
    assert (pointer.version, pointer.previous) == (second.version, first.version)
    assert load_bundle(bench.desk.storage, pointer).version == second.version
    assert [item.version for item in bench.desk.production.history(name)] == ["1", "2"]
    registry = bench.desk.registry
    assert registry.in_stage(name) == [second.version]
    assert registry.with_alias(name, CHAMPION) == second.version
    assert registry.with_alias(name, PREVIOUS) == first.version
    assert registry.with_alias(name, CHALLENGER) is None
    assert bench.records()[1:] == [record]
    events = bench.read_events()
    assert events
    assert {event["detail"]["challenger"] for event in events} == {second.version}


def test_a_promotion_without_a_whole_bundle_changes_nothing(bench: Bench) -> None:
    name = bench.definition.name
    challenger = bench.challenger(seed=1)
    bench.desk.storage.put(f"bundles/{name}/{challenger.version}/model.onnx", b"something else")
    with pytest.raises(BundleError):
        promote(bench.desk, name, challenger.version, comparison("promote", None))
    assert bench.desk.production.read(name) is None
    assert bench.desk.registry.in_stage(name) == []
    assert bench.records() == []


REJECTION_STEPS = [
    ("mlflow", "set_model_version_tag", True, 1),
    ("mlflow", "set_model_version_tag", True, 2),
    ("mlflow", "set_model_version_tag", True, 3),
    ("mlflow", "delete_registered_model_alias", True, 1),
    ("storage", "delete_below", False, 1),
    ("storage", "delete_below", True, 1),
    ("storage", "delete_below", True, 2),
    ("storage", "put_json", True, 1),
    ("events", "put", True, 1),
]


@pytest.mark.parametrize(("part", "method", "after", "call"), REJECTION_STEPS)
def test_a_rejection_killed_at_any_step_is_finished_by_the_next(
    bench: Bench, part: str, method: str, after: bool, call: int
) -> None:
    name, storage = bench.definition.name, bench.desk.storage
    first, second = bench.challenger(seed=1), bench.challenger(seed=2)
    promote(bench.desk, name, first.version, comparison("promote", None))
    before = {item.key for item in storage.list("datasets/")}

    with pytest.raises(Killed):
        reject(
            interrupt(bench, part, method, after=after, call=call),
            name,
            second.version,
            comparison("reject"),
        )
    record = reject(bench.desk, name, second.version, comparison("reject"))

    left = {item.key for item in storage.list("datasets/")}
    dataset = bench.desk.registry.find(name, second.version).dataset_id
    gone = {folder_key(name, dataset) + file for file in ("data.parquet", "manifest.json")}
    assert left == before - gone
    assert len(left) == 2
    assert list(storage.list(f"bundles/{name}/{second.version}/")) == []
    assert list(storage.list(f"bundles/{name}/{first.version}/"))
    version = bench.mlflow.get_model_version(name, second.version)
    assert version.tags["stage"] == "archived"
    assert version.tags["archived_reason"] == record.comparison.reason
    assert bench.desk.registry.with_alias(name, CHALLENGER) is None
    assert bench.desk.registry.in_stage(name) == [first.version]
    assert bench.records()[1:] == [record]


def test_a_rejection_spares_what_production_stands_on(bench: Bench) -> None:
    name, storage = bench.definition.name, bench.desk.storage
    manifest = bench.dataset(seed=1)
    first, second = bench.train(manifest), bench.train(manifest)
    promote(bench.desk, name, first.version, comparison("promote", None))
    reject(bench.desk, name, second.version, comparison("reject"))
    assert read_dataset(storage, name, manifest.dataset_id).num_rows == 400
    with pytest.raises(RegistryError, match="in production"):
        reject(bench.desk, name, first.version, comparison("reject"))


def test_one_execution_at_a_time_holds_the_lock(bench: Bench) -> None:
    storage, running = bench.desk.storage, {"arn:1", "arn:2"}

    def take(owner: str) -> None:
        take_lock(storage, "fruit", owner, is_running=running.__contains__, clock=utc_now)

    take("arn:1")
    take("arn:1")
    with pytest.raises(RetrainingInProgressError, match="arn:1"):
        take("arn:2")
    running.remove("arn:1")
    take("arn:2")
    assert storage.get_json(lock_key("fruit"))["owner"] == "arn:2"
    storage.delete(lock_key("fruit"))
    running.add("arn:3")
    take("arn:3")


def test_of_two_that_take_over_a_stale_lock_one_wins(bench: Bench) -> None:
    storage = bench.desk.storage
    take_lock(storage, "fruit", "arn:dead", is_running=lambda _: True, clock=utc_now)

    def running(owner: str) -> bool:
        if owner == "arn:dead":  # the other one gets in between looking and taking over
            take_lock(storage, "fruit", "arn:2", is_running=lambda _: False, clock=utc_now)
            return False
        return True

    with pytest.raises(RetrainingInProgressError, match="arn:2"):
        take_lock(storage, "fruit", "arn:3", is_running=running, clock=utc_now)
    assert storage.get_json(lock_key("fruit"))["owner"] == "arn:2"
