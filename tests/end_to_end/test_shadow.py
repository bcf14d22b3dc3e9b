"""The shadow slot of the deployed app over HTTP: a shadow never changes an answer.

During these tests the model has a shadow stage: the functions that read the definition get code
with another ``model.toml``.
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cdk.constructs.building.assets import archive
from cdk.constructs.building.function_code import build_function
from cli.shared.demo_steps import MODELS, OnceAround, Story, example_row
from cli.shared.manual_release import release_context_of, train_and_promote
from cli.shared.progress import Steps
from evergreen.bundle.store import Bundle, load_bundle, save_bundle
from evergreen.clock import utc_now
from evergreen.model_definition import ModelDefinition, load_definition
from evergreen.production import ShadowSlot
from evergreen.release.decision_log import read_decision_records
from evergreen.serving.champion import POINTER_POLL_SECONDS
from evergreen.shadow.comparison import ShadowComparison, compare_shadow
from evergreen.shadow.slot import start_shadow, stop_shadow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from cli.shared.target import Target

MODEL = "flight_duration"
SHADOW = """
[shadow]
min_predictions = 40
max_wait = "10 minutes"
budget_ms = 200
"""
READERS = {
    "validate-request": "validate_request",
    "set-shadow": "set_shadow",
    "compare-shadow": "compare_shadow",
    f"predict-{MODEL}": "predict",
}
"""The functions that read the shadow stage of the definition, and their folders."""


@dataclass
class Stage:
    """A champion on the deployed app, and a definition with a shadow stage."""

    target: Target
    definition: ModelDefinition
    row: dict[str, object]

    @property
    def champion(self) -> Bundle:
        context = release_context_of(self.target)
        pointer = context.production.read(MODEL)
        assert pointer is not None
        return load_bundle(context.storage, pointer)

    def ask(self, rows: int = 1) -> dict[str, Any]:
        answer = httpx.post(
            f"{self.target.api_url.rstrip('/')}/models/{MODEL}/predict",
            headers={"x-api-key": self.target.api_key},
            json={"instances": [self.row] * rows},
            timeout=60,
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        body: dict[str, Any] = answer.json()
        return body

    @contextmanager
    def shadow(self, challenger: Bundle) -> Iterator[ShadowSlot]:
        """Put a bundle into the shadow slot by the library, and wait until it is read."""
        context = release_context_of(self.target)
        uri, sha256 = save_bundle(context.storage, MODEL, challenger)
        slot = ShadowSlot(
            version=challenger.version, bundle_uri=uri, sha256=sha256, started_at=utc_now()
        )
        start_shadow(context.storage, context.production, MODEL, slot)
        time.sleep(POINTER_POLL_SECONDS + 1)
        try:
            yield slot
        finally:
            stop_shadow(context.production, MODEL)
            context.storage.delete_below(f"bundles/{MODEL}/{challenger.version}/")

    def compared(self, slot: ShadowSlot, done: Callable[[ShadowComparison], bool]) -> Any:
        """Repeat the comparison until Firehose has delivered the expected rows."""
        storage = release_context_of(self.target).storage
        deadline = time.monotonic() + 180
        while True:
            seen = compare_shadow(storage, self.target.lake, self.definition, slot, clock=utc_now)
            if done(seen) or time.monotonic() > deadline:
                return seen
            time.sleep(3)

    def rows(self, since: datetime, role: str) -> list[dict[str, Any]]:
        table = self.target.lake.predictions(self.definition, since, utc_now())
        return [row for row in table.to_pylist() if row["role"] == role]


@pytest.fixture(scope="module")
def stage(deployed: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    models: Path = tmp_path_factory.mktemp("shadow") / "models"
    shutil.copytree(MODELS, models, ignore=shutil.ignore_patterns("__pycache__"))
    with (models / MODEL / "model.toml").open("a", encoding="utf-8") as file:
        file.write(SHADOW)
    _pack(deployed, models)
    yield Stage(deployed, load_definition(models / MODEL), example_row(MODEL))
    _pack(deployed, MODELS)


def _pack(deployed: Target, models: Path) -> None:
    """Update the functions that read the definition with code that holds these models."""
    client = deployed.client("lambda")
    for suffix, folder in READERS.items():
        name = f"evergreen-{deployed.stage}-{suffix}"
        code = archive(build_function(folder, models)).read_bytes()
        client.update_function_code(FunctionName=name, ZipFile=code)
        client.get_waiter("function_updated_v2").wait(FunctionName=name)


@pytest.fixture(scope="module")
def served(stage: Stage) -> Stage:
    """Ensure that a champion is in production."""
    if release_context_of(stage.target).production.read(MODEL) is None:
        example = Story(MODEL, fraction=0.05).example()
        data = example.load(example.trained_on, example.fraction)
        train_and_promote(
            stage.target, example.definition, example.folder, data, "a small part", lambda _: None
        )
    return stage


def graph_of(champion: Bundle, steps: int | None) -> bytes:
    """Return a model with the champion's inputs that runs ``steps`` loops, or fails for None."""
    numbers = [feature for feature in champion.signature.features if feature.type != "category"]
    inputs = [
        helper.make_tensor_value_info(
            feature.name,
            TensorProto.STRING if feature.type == "category" else TensorProto.FLOAT,
            [None, 1],
        )
        for feature in champion.signature.features
    ]
    output = helper.make_tensor_value_info("variable", TensorProto.FLOAT, ["rows", "columns"])
    first = numbers[0].name
    if steps is None:
        shape = helper.make_tensor("shape", TensorProto.INT64, [2], [977, 991])
        nodes = [helper.make_node("Reshape", [first, "shape"], ["variable"])]
        constants = [shape]
    else:
        one = TensorProto.FLOAT
        state = helper.make_tensor_value_info("before", one, [None, 1])
        after = helper.make_tensor_value_info("after", one, [None, 1])
        body = helper.make_graph(
            [
                helper.make_node("Identity", ["more"], ["again"]),
                helper.make_node("Neg", ["before"], ["after"]),
            ],
            "body",
            [
                helper.make_tensor_value_info("step", TensorProto.INT64, []),
                helper.make_tensor_value_info("more", TensorProto.BOOL, []),
                state,
            ],
            [helper.make_tensor_value_info("again", TensorProto.BOOL, []), after],
        )
        constants = [
            helper.make_tensor("steps", TensorProto.INT64, [], [steps]),
            helper.make_tensor("go", TensorProto.BOOL, [], [True]),
        ]
        nodes = [helper.make_node("Loop", ["steps", "go", first], ["variable"], body=body)]
    graph = helper.make_graph(nodes, "made_up", inputs, [output], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    serialised: bytes = model.SerializeToString()
    return serialised


def test_a_challenger_that_keeps_up_scores_the_same_rows_and_is_promoted(served: Stage) -> None:
    champion = served.champion
    before = served.ask()
    with served.shadow(Bundle("shadow-same", champion.signature, champion.onnx)) as slot:
        answers = [served.ask(rows=4) for _ in range(20)]
        seen = served.compared(slot, lambda seen: seen.predictions >= 40)
        challenger = served.rows(slot.started_at, "shadow")
        logged = served.rows(slot.started_at, "champion")
    assert {answer["model_version"] for answer in answers} == {champion.version}
    for answer in answers:
        assert answer["predictions"] == before["predictions"] * 4
    asked = {answer["request_id"] for answer in answers}
    ours = [row for row in logged if row["request_id"] in asked]
    theirs = [row for row in challenger if row["request_id"] in asked]
    assert len(ours) == 80
    scored = {row["request_id"] for row in ours if "scored" in row["metadata"]}
    assert {(row["request_id"], row["row"]) for row in theirs} == {
        (name, row) for name in scored for row in range(4)
    }
    assert {row["model_version"] for row in theirs} == {"shadow-same"}
    assert seen.verdict == "promote", seen
    assert seen.agreement == pytest.approx(1.0)
    assert seen.output_distance == 0.0


@pytest.mark.parametrize(
    ("version", "steps", "outcome"),
    [("shadow-slow", 500_000, "late"), ("shadow-crash", None, "failed")],
)
def test_a_challenger_that_is_slow_or_crashes_changes_no_answer_and_is_refused(
    served: Stage, version: str, steps: int | None, outcome: str
) -> None:
    champion = served.champion
    before = served.ask()
    bad = Bundle(version, champion.signature, graph_of(champion, steps))
    with served.shadow(bad) as slot:
        answers = [served.ask(rows=5) for _ in range(12)]
        seen = served.compared(slot, lambda seen: seen.predictions >= 40)
        assert served.rows(slot.started_at, "shadow") == []
        notes = [json.loads(row["metadata"]) for row in served.rows(slot.started_at, "champion")]
    assert {answer["model_version"] for answer in answers} == {champion.version}
    for answer in answers:
        assert answer["predictions"] == before["predictions"] * 5
    outcomes = {note["shadow"]["outcome"] for note in notes if "shadow" in note}
    assert outcome in outcomes
    assert outcomes <= {outcome, "loading", "resting"}
    assert seen.verdict == "reject", seen
    assert seen.errors == seen.predictions


def test_a_retraining_goes_through_the_shadow_before_it_promotes(stage: Stage) -> None:
    began = utc_now()
    over = threading.Event()

    def keep_asking() -> None:
        while not over.wait(1.0):
            if release_context_of(stage.target).production.read(MODEL) is not None:
                stage.ask(rows=2)

    traffic = threading.Thread(target=keep_asking)
    traffic.start()
    try:
        with Steps() as steps:
            story = Story(MODEL, replayed=(5,), fraction=0.15)
            summary = OnceAround(stage.target, story, steps).run()
    finally:
        over.set()
        traffic.join()
    assert summary.promoted == 1
    context = release_context_of(stage.target)
    pointer = context.production.read(MODEL)
    assert pointer is not None
    assert pointer.shadow is None
    records = read_decision_records(context.storage, MODEL)
    (last,) = [item for item in records if item.decided_at > began and item.execution]
    assert last.challenger == pointer.version
    assert "in the shadow it kept up for" in last.reason
    entered = _states(stage.target, last.execution or "")
    assert entered.index("Evaluate both") < entered.index("Put it into the shadow")
    assert entered.index("Compare in the shadow") < entered.index("Promote the challenger")
    rows = stage.rows(began, "shadow")
    shadowed = [row for row in rows if row["model_version"] == pointer.version]
    assert len(shadowed) >= 40
    assert np.isfinite([row["model_output"] for row in shadowed]).all()


def _states(target: Target, execution: str) -> list[str]:
    client = target.client("stepfunctions")
    pages = client.get_paginator("get_execution_history").paginate(executionArn=execution)
    return [
        event["stateEnteredEventDetails"]["name"]
        for page in pages
        for event in page["events"]
        if "stateEnteredEventDetails" in event
    ]
