"""The shadow slot of the deployed app over HTTP: a shadow never changes an answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import onnx
import pytest
from onnx import TensorProto, helper

from cli.shared.demo_steps import Story
from evergreen.bundle.content import Bundle
from evergreen.deployment.by_hand import release_context_of, train_and_promote
from tests.support.shadow_stage import SHADOWED, Stage, shadow_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cli.shared.target import Target


@pytest.fixture(scope="module")
def stage(deployed: Target, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with shadow_stage(deployed, tmp_path_factory.mktemp("shadow")) as stage:
        yield stage


@pytest.fixture(scope="module")
def served(stage: Stage) -> Stage:
    """Ensure that a champion is in production."""
    if release_context_of(stage.target).production.read(SHADOWED) is None:
        example = Story(SHADOWED, fraction=0.05).example()
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
    with served.shadow(Bundle("shadow-same", champion.signature, champion.model)) as slot:
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
