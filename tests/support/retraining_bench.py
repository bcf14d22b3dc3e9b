"""A test bench for retraining: a model on a real S3, Parameter Store, EventBridge and MLflow."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from mlflow.tracking import MlflowClient

from evergreen.clock import utc_now
from evergreen.datasets.splitting import split_rows
from evergreen.datasets.store import load_dataset, write_dataset
from evergreen.evaluation.comparison import Comparison
from evergreen.events import Events
from evergreen.model_definition import Evaluation, Feature, ModelDefinition, Retraining
from evergreen.production import Production
from evergreen.registry.writer import Registry
from evergreen.release.context import ReleaseContext
from evergreen.release.decision_log import DecisionRecord, read_decision_records
from evergreen.storage import Storage
from evergreen.training.train import train_challenger
from tests.support.killed import Killed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from evergreen.datasets.manifest import DatasetManifest
    from evergreen.registry.registration import Challenger

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
    """Clients of the stack, and one test's own bucket, event bus and model."""

    context: ReleaseContext
    mlflow: MlflowClient
    definition: ModelDefinition
    folder: Path
    read_events: Any

    def dataset(self, seed: int, rows: int = 400, *, flipped: bool = False) -> DatasetManifest:
        table = split_rows(self.definition, make_rows(seed, rows, flipped=flipped))
        return write_dataset(
            self.context.storage,
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
            load_dataset(self.context.storage, self.definition.name, manifest.dataset_id),
            storage=self.context.storage,
            registry=self.context.registry,
            clock=utc_now,
        )

    def challenger(self, seed: int, *, flipped: bool = False) -> Challenger:
        return self.train(self.dataset(seed, flipped=flipped))

    def records(self) -> list[DecisionRecord]:
        return read_decision_records(self.context.storage, self.definition.name)


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


@contextmanager
def open_bench(clients: Any, mlflow_uri: str, folder: Path) -> Iterator[Bench]:
    """Create a bucket, a bus and a queue of its events, and delete them at the end."""
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

    folder = folder / name
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
    mlflow = MlflowClient(mlflow_uri)
    storage = Storage(bucket, s3)
    yield Bench(
        context=ReleaseContext(
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


class Interrupted:
    """A proxy of a real object that ends the process at the n-th call of one method."""

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


def interrupt(
    bench: Bench, part: str, method: str, *, after: bool, call: int = 1
) -> ReleaseContext:
    if part == "mlflow":
        client: Any = Interrupted(bench.mlflow, method, after=after, call=call)
        return replace(bench.context, registry=Registry(client))
    inner = getattr(bench.context, part)
    changed: dict[str, Any] = {part: Interrupted(inner, method, after=after, call=call)}
    return replace(bench.context, **changed)
